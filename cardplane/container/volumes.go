package container

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/cardplane/volume"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// ownerVolume begins the owner of a volume's disk in the ledger; the volume's
// id follows.
const ownerVolume = "vol-"

// Volumes returns volumes as users may see them: with a Create that copies disks, a
// Remove that takes them away as well, and a Resize that the machine of a
// container follows.
func (s *Service) Volumes() cardplane.VolumeService {
	return &volumes{Service: s.volumes, svc: s}
}

type volumes struct {
	*volume.Service
	svc *Service
}

// Remove implements cardplane.VolumeService.
func (v *volumes) Remove(ctx context.Context, ref string) error {
	gone, err := v.Get(ctx, ref)
	if err != nil {
		return err
	}
	if err := v.Service.Remove(ctx, gone.Name); err != nil {
		return err
	}
	v.svc.deleteDisk(v.svc.volumeDisk(gone))
	return nil
}

// tellsVolume returns what records an event of a volume.
func (s *Service) tellsVolume(t cardplane.EventType, v cardplane.Volume) store.Change {
	return s.cfg.Events.Recording(cardplane.Event{Type: t, Subject: v.ID, Name: v.Name, Labels: v.Labels})
}

// volumeDisk is the volume's disk on the host.
func (s *Service) volumeDisk(v cardplane.Volume) store.Resource {
	owner := ownerVolume + v.ID
	return store.Resource{Kind: store.Disk, ID: s.diskID(owner), Owner: owner}
}

// volumeContent is the volume's disk as the host is to make it.
func (s *Service) volumeContent(v cardplane.Volume) sandbox.Disk {
	d := sandbox.Disk{ID: s.volumeDisk(v).ID, SizeBytes: v.SizeBytes, Raw: v.Format == cardplane.FormatRaw}
	if v.SourceID != "" {
		d.CopyOf = s.volumeDisk(cardplane.Volume{ID: v.SourceID}).ID
	}
	return d
}

// volumeDevice is the volume as a machine has it.
func (s *Service) volumeDevice(v cardplane.Volume, writable bool) sandbox.Volume {
	return sandbox.Volume{
		Disk: s.volumeContent(v), Serial: sandbox.VolumeSerial(v.ID), ReadOnly: !writable,
	}
}

// volumeUser returns the name of a container that names the volume, or "".
func (s *Service) volumeUser(name string) string {
	for _, e := range s.all() {
		if rec := e.record(); namesVolume(rec, name) {
			return rec.Container.Name
		}
	}
	return ""
}

func checkVolumes(spec cardplane.ContainerSpec) error {
	if n := len(spec.Volumes); n > cardplane.MaxVolumeMounts {
		return invalid("/volumes", "too_many_volumes", "%d volumes are too many; a container can have %d", n, cardplane.MaxVolumeMounts)
	}
	taken := map[string]bool{}
	for i, m := range spec.Volumes {
		field := fmt.Sprintf("/volumes/%d", i)
		if err := volume.CheckName(field+"/volume", m.Volume); err != nil {
			return err
		}
		if err := checkMount(field, m); err != nil {
			return err
		}
		if taken[m.Path] {
			return invalid(field+"/path", "invalid_volume_path", "two volumes are to be mounted at %q; choose another path for one", m.Path)
		}
		taken[m.Path] = true
	}
	return nil
}

// checkMount refuses a mount that no container can have.
func checkMount(field string, m cardplane.VolumeMount) error {
	switch {
	case !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path || m.Path == "/":
		return invalid(field+"/path", "invalid_volume_path", "a volume cannot be mounted at %q; give an absolute path below / without '..', such as /data", m.Path)
	case m.Subpath != "" && !filepath.IsLocal(m.Subpath):
		return invalid(field+"/subpath", "invalid_volume_subpath", "the subpath %q leads out of the volume; give a relative path without '..'", m.Subpath)
	}
	return checkStrings(field+"/path", []string{m.Path, m.Subpath})
}

// makeVolumes makes those that the spec names and that do not exist. undo
// removes them again.
func (s *Service) makeVolumes(ctx context.Context, spec cardplane.ContainerSpec) (undo func() error, err error) {
	service := s.Volumes()
	var made []string
	undo = func() error {
		var failed error
		for _, name := range made {
			failed = errors.Join(failed, service.Remove(context.WithoutCancel(ctx), name))
		}
		return failed
	}
	for i, m := range spec.Volumes {
		v, err := service.Get(ctx, m.Volume)
		if err == nil {
			err = checkRaw(fmt.Sprintf("/volumes/%d", i), m, v)
		}
		if apierr.ClassOf(err) == apierr.NotFound {
			_, err = service.Create(ctx, cardplane.VolumeSpec{Name: m.Volume}, "")
			if err == nil {
				made = append(made, m.Volume)
			}
		}
		if err != nil && !apierr.Is(err, "volume_exists") {
			return nil, errors.Join(err, undo())
		}
	}
	return undo, nil
}

// confirmVolumes makes sure that none of the volumes of a container was removed
// before the container was recorded, from when on none can be.
func (s *Service) confirmVolumes(ctx context.Context, spec cardplane.ContainerSpec) error {
	for _, m := range spec.Volumes {
		if _, err := s.volumes.Get(ctx, m.Volume); err != nil {
			return err
		}
	}
	return nil
}

// claimVolumes returns what records that the host may have the disks of the
// container's volumes.
func (s *Service) claimVolumes(c cardplane.Container) ([]store.Change, error) {
	var claims []store.Change
	for name := range volumeUses(c.Spec.Volumes) {
		v, err := s.volumes.Get(s.ctx, name)
		if err != nil {
			return nil, err
		}
		claims = append(claims, store.Claim(s.volumeDisk(v)))
	}
	return claims, nil
}

// leaseVolumes makes the container's machine a user of its volumes, as which it
// is known until it is gone. It returns which of them the machine may write to.
func (r *run) leaseVolumes(c cardplane.Container) (map[string]bool, error) {
	if r.seat != nil { // not while another container frees one of them
		r.seat.plugging.Lock()
		defer r.seat.plugging.Unlock()
	}
	var leases []store.Change
	owner := r.svc.machineOwner(c)
	for name, write := range volumeUses(c.Spec.Volumes) {
		leases = append(leases, store.Lease(name, owner, write || r.svc.sandboxWrites(c.Spec.Sandbox, name)))
	}
	if err := r.svc.cfg.Store.Update(leases...); err != nil {
		return nil, err
	}
	return r.svc.cfg.Store.Leases(owner)
}

// volumeUses returns the names of the volumes that are mounted, each with whether
// it is to be written to.
func volumeUses(mounts []cardplane.VolumeMount) map[string]bool {
	uses := make(map[string]bool)
	for _, m := range mounts {
		uses[m.Volume] = uses[m.Volume] || !m.ReadOnly
	}
	return uses
}

// planVolumes adds to p what the host and the guest are told of the container's
// volumes.
func (r *run) planVolumes(c cardplane.Container, p *plan) error {
	writable, err := r.leaseVolumes(c)
	if err != nil {
		return err
	}
	planned := make(map[string]bool)
	for i, m := range c.Spec.Volumes {
		v, err := r.svc.volumes.Get(r.ctx, m.Volume)
		if err == nil {
			err = checkRaw(fmt.Sprintf("/volumes/%d", i), m, v)
		}
		if err != nil {
			return err
		}
		if !planned[v.Name] {
			planned[v.Name] = true
			device := r.svc.volumeDevice(v, writable[v.Name])
			p.sandbox.Volumes = append(p.sandbox.Volumes, device)
			p.devices = append(p.devices, device.Device())
		}
		p.config.Volumes = append(p.config.Volumes, guestVolume(m, v, writable[v.Name]))
	}
	return nil
}

// guestVolume is a mount of v as the guest is told of it.
func guestVolume(m cardplane.VolumeMount, v cardplane.Volume, writable bool) guestapi.Volume {
	return guestapi.Volume{
		Device: sandbox.VolumeSerial(v.ID), Raw: v.Format == cardplane.FormatRaw,
		Path: m.Path, Subpath: m.Subpath, ReadOnly: m.ReadOnly, ReadOnlyDevice: !writable,
	}
}

// checkRaw refuses a mount of a directory of v where it has none.
func checkRaw(field string, m cardplane.VolumeMount, v cardplane.Volume) error {
	if m.Subpath == "" || v.Format != cardplane.FormatRaw {
		return nil
	}
	return isRaw(v, "has no directories, so that none can be mounted; leave the subpath out").At(field + "/subpath")
}

// isRaw is the error about what cannot be done with v because it is raw.
func isRaw(v cardplane.Volume, why string) *apierr.Error {
	return apierr.New(apierr.FailedPrecondition, "volume_is_raw", "the volume %q is a raw block device, which %s", v.Name, why)
}
