package container

import (
	"context"
	"fmt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
)

// Resize implements cardplane.VolumeService.
func (v *volumes) Resize(ctx context.Context, ref string, size int64) (cardplane.Volume, error) {
	grown, err := v.Service.Resize(ctx, ref, size)
	if err != nil {
		return grown, err
	}
	return grown, v.svc.growVolume(ctx, grown)
}

// growVolume has the machine that writes to the volume follow its size. One
// that is being started may have been planned with the old one.
func (s *Service) growVolume(ctx context.Context, v cardplane.Volume) error {
	e, err := s.volumeWriter(v.Name)
	if e == nil || err != nil {
		return err
	}
	c, r := e.active()
	if r == nil || !c.State.Active() {
		return nil
	}
	if c.State == cardplane.Starting {
		if _, err := r.awaitUp(ctx); err != nil {
			return nil //nolint:nilerr // the start has failed, and its next one takes the new size
		}
	}
	if r, err = e.runningRun(ctx); err == nil {
		err = r.command(ctx, func(ctx context.Context) error {
			return r.sb.GrowVolume(ctx, s.volumeDevice(v, true))
		})
	}
	if err != nil && !sandbox.Lost(err) {
		return fmt.Errorf("the volume %q has its new size when container %s is started next, or when this is repeated: %w", v.Name, c.Name, err)
	}
	return nil
}

// volumeWriter returns a container that has mounted the volume in a machine
// which may write to it, or nil.
func (s *Service) volumeWriter(name string) (*entry, error) {
	for _, e := range s.all() {
		c := e.snapshot()
		if _, uses := volumeUses(c.Spec.Volumes)[name]; !uses || c.Spec.Sandbox != "" && !c.State.Active() {
			continue
		}
		leases, err := s.cfg.Store.Leases(s.machineOwner(c))
		if err != nil {
			return nil, err
		}
		if leases[name] {
			return e, nil
		}
	}
	return nil, nil
}
