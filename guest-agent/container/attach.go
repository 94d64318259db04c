package container

import (
	"context"
	"slices"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// AttachVolume mounts a volume in the running container id. A mount that is there
// already is left alone.
func (m *Manager) AttachVolume(ctx context.Context, id string, v guestapi.Volume) error {
	if err := checkVolume("", v); err != nil {
		return err
	}
	if v.Raw {
		return invalid("/raw", "a raw volume is there from a container's start; the device rules of one that runs are fixed")
	}
	return m.changeVolumes(ctx, id, func(ctx context.Context, c *container, p Process) error {
		switch at := slices.IndexFunc(c.volumes, func(other guestapi.Volume) bool { return other.Path == v.Path }); {
		case at >= 0 && c.volumes[at] == v:
			return nil
		case at >= 0:
			return apierr.New(apierr.FailedPrecondition, "path_conflict", "%s has another volume at %q; choose another path", c.name, v.Path)
		case len(c.volumes) >= maxVolumes:
			return apierr.New(apierr.ResourceExhausted, "too_many", "%s has %d volumes; detach one first", c.name, maxVolumes)
		}
		if err := m.roots.Attach(ctx, c.id, p, v); err != nil {
			return err
		}
		c.volumes = append(c.volumes, v)
		return nil
	})
}

// DetachVolume unmounts all mounts of a volume in the running container id. One
// that has none is left alone.
func (m *Manager) DetachVolume(ctx context.Context, id, device string) error {
	of := func(v guestapi.Volume) bool { return v.Device == device }
	return m.changeVolumes(ctx, id, func(ctx context.Context, c *container, p Process) error {
		if !slices.ContainsFunc(c.volumes, of) {
			return nil
		}
		mounts := slices.DeleteFunc(slices.Clone(c.volumes), func(v guestapi.Volume) bool { return !of(v) })
		if err := m.roots.Detach(ctx, c.id, p, device, mounts); err != nil {
			return err
		}
		c.volumes = slices.DeleteFunc(c.volumes, of)
		return nil
	})
}

// changeVolumes calls change with the first process of the running container id.
// Calls for one container do not overlap.
func (m *Manager) changeVolumes(ctx context.Context, id string, change func(context.Context, *container, Process) error) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	c, err := m.find(id)
	if err != nil {
		return err
	}
	c.mounting.Lock()
	defer c.mounting.Unlock()
	p, err := c.running()
	if err != nil {
		return err
	}
	err = change(ctx, c, p)
	if err == nil {
		return nil
	}
	// The process may have ended a moment ago.
	if _, ended := c.running(); ended != nil {
		return ended
	}
	return err
}
