package container

import (
	"errors"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// lastMounting is the latest change of the run's mounts.
func (r *run) lastMounting() *task {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if r.mounting == nil {
		return finished()
	}
	return r.mounting
}

// beginMounting makes a change durable, with all that it may make on the host, and
// has the machine follow it.
func (r *run) beginMounting(v cardplane.Volume, change store.Mounting) (*task, error) {
	if r.seat != nil { // not while another container frees the volume
		r.seat.plugging.Lock()
		defer r.seat.plugging.Unlock()
	}
	claims, err := r.claimMount(v, change)
	if err != nil {
		return nil, err
	}
	e := r.e
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.rec.Container
	switch {
	case r.over || e.run != r || !c.State.Active():
		return nil, notRunning(e.snapshotLocked())
	case c.State != cardplane.Running && c.State != cardplane.Paused:
		return nil, changing(c, "volumes")
	}
	if _, err := remounted(c, change); err != nil {
		return nil, err
	}
	if err := e.updateLocked(func(rec *store.Record) { rec.Run.Mounting = &change }, claims...); err != nil {
		return nil, err
	}
	r.mounting = r.aside(r.followMounting)
	return r.mounting, nil
}

// claimMount returns what makes the container's machine a user of a volume that is
// to come. One that is a user already remains what it is.
func (r *run) claimMount(v cardplane.Volume, change store.Mounting) ([]store.Change, error) {
	if change.Detach {
		return nil, nil
	}
	c := r.e.record().Container
	owner := r.svc.machineOwner(c)
	leases, err := r.svc.cfg.Store.Leases(owner)
	if err != nil {
		return nil, err
	}
	switch write, leased := leases[v.Name]; {
	case leased && !write && !change.Mount.ReadOnly:
		return nil, apierr.New(apierr.FailedPrecondition, "volume_in_use",
			"the machine of container %s has the volume %q to read only; attach it read-only, or detach its other mounts first", c.Name, v.Name)
	case leased:
		return nil, nil
	}
	write := !change.Mount.ReadOnly || r.svc.sandboxWrites(c.Spec.Sandbox, v.Name)
	return []store.Change{store.Claim(r.svc.volumeDisk(v)), store.Lease(v.Name, owner, write)}, nil
}

// resumeMounting has the machine follow a change that an earlier process has begun.
func (r *run) resumeMounting() {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	if r.e.rec.Run.Mounting != nil && !r.over {
		r.mounting = r.aside(r.followMounting)
	}
}

// followMounting has the machine follow the change of mounts that was recorded, for
// as long as it takes. What is refused is taken back.
func (r *run) followMounting() error {
	change := *r.e.record().Run.Mounting
	before, _ := r.svc.volumes.Get(r.ctx, change.Mount.Volume) // mountAsTold tells of an error
	over, refused := r.mountAsTold(change)
	switch {
	case detached(r.ctx):
		return shuttingDown()
	case over: // the next run has it
		r.noteMounting()
		return nil
	case refused != nil && change.Detach:
		r.persist(func(rec *store.Record) { rec.Run.Mounting = nil })
		return sandbox.Explain(refused)
	case refused != nil:
		r.log.WithError(refused).Info("a mount of a volume is taken back")
		change.Refused = true
		r.persist(func(rec *store.Record) { rec.Run.Mounting = &change })
	case !change.Detach && !change.Refused:
		r.noteMounting()
		r.followSize(before)
		return nil
	}
	return errors.Join(sandbox.Explain(refused), r.freeVolume(change))
}

// followSize grows a volume that was mounted while it was being resized, when nobody
// was yet known to write to it.
func (r *run) followSize(before cardplane.Volume) {
	now, err := r.svc.volumes.Get(r.ctx, before.Name)
	if err == nil && now.SizeBytes != before.SizeBytes {
		err = r.svc.growVolume(r.ctx, now)
	}
	if err != nil {
		r.log.WithError(err).Warn("a volume that was attached has not got its new size yet")
	}
}

// mountAsTold makes the change in the guest. over tells that the run ends before.
func (r *run) mountAsTold(change store.Mounting) (over bool, refused error) {
	switch {
	case change.Refused:
		return false, nil
	case change.Detach:
		return r.pursue(func() error { return r.unmount(change.Mount.Volume) })
	}
	return r.pursue(func() error { return r.mount(change.Mount) })
}

// pursue repeats what may be repeated until it has succeeded or was refused. over
// tells that the run ends before.
func (r *run) pursue(do func() error) (over bool, refused error) {
	for retry := guestclient.NewBackoff(); ; {
		err := do()
		switch {
		case err == nil:
			return false, nil
		case r.ctx.Err() != nil || isLost(r.sb):
			return true, nil
		case !passing(err):
			return false, err
		}
		if retry.Wait(r.ctx) != nil {
			return true, nil
		}
	}
}

// passing reports whether err is of a host that is away, or of a container or a
// machine that has ended, which is about to be known.
func passing(err error) bool {
	switch apierr.From(err).Code {
	case "container_not_running", "container_not_found", "vm_exited", "vm_deleted", "vm_not_found":
		return true
	}
	return apierr.ClassOf(err) == apierr.Unavailable
}

// mount plugs a volume in and has the guest mount it. It may be repeated.
func (r *run) mount(m cardplane.VolumeMount) error {
	v, err := r.svc.volumes.Get(r.ctx, m.Volume)
	if err != nil {
		return err
	}
	leases, err := r.svc.cfg.Store.Leases(r.svc.machineOwner(r.e.record().Container))
	if err != nil {
		return err
	}
	device := r.svc.volumeDevice(v, leases[v.Name])
	if err := r.plug(device.Device()); err != nil {
		return err
	}
	return r.sb.Guest().AttachVolume(r.ctx, r.e.id, guestVolume(m, v, leases[v.Name]))
}

// plug gives the run's machine a device.
func (r *run) plug(d sandbox.Device) error {
	if r.seat != nil {
		return r.seat.plug(r.ctx, r.sb, []sandbox.Device{d})
	}
	return r.sb.Plug(r.ctx, []sandbox.Device{d})
}

// unmount has the guest unmount a volume. It may be repeated.
func (r *run) unmount(volume string) error {
	v, err := r.svc.volumes.Get(r.ctx, volume)
	if err != nil {
		return err
	}
	return r.sb.Guest().DetachVolume(r.ctx, r.e.id, sandbox.VolumeSerial(v.ID))
}

// freeVolume takes a volume from the machine that the container does not have, unless
// another uses it, and settles the change.
func (r *run) freeVolume(change store.Mounting) error {
	if r.seat != nil {
		r.seat.plugging.Lock()
		defer r.seat.plugging.Unlock()
	}
	if r.needs(change) {
		r.noteMounting()
		return nil
	}
	name := change.Mount.Volume
	switch over, err := r.pursue(func() error { return r.unplug(name) }); {
	case detached(r.ctx):
		return shuttingDown()
	case over: // the machine's end frees it
		r.noteMounting()
		return nil
	case err != nil:
		r.noteMounting()
		return apierr.New(apierr.Unavailable, "volume_not_released",
			"the guest of container %s keeps the disk of the volume %q, which is free when its machine ends: %w", r.e.snapshot().Name, name, err)
	}
	r.noteMounting(store.EndLease(r.svc.machineOwner(r.e.record().Container), name, change.Detach))
	return nil
}

func (r *run) unplug(volume string) error {
	v, err := r.svc.volumes.Get(r.ctx, volume)
	if apierr.ClassOf(err) == apierr.NotFound {
		return nil // so it was never plugged in
	}
	if err != nil {
		return err
	}
	return r.sb.Unplug(r.ctx, []string{sandbox.VolumeSerial(v.ID)})
}

// needs reports whether somebody in the machine uses the volume of a change whose
// mounts are not there.
func (r *run) needs(change store.Mounting) bool {
	name := change.Mount.Volume
	if _, uses := volumeUses(r.e.record().Container.Spec.Volumes)[name]; uses && !change.Detach {
		return true
	}
	if r.seat == nil {
		return false
	}
	for _, other := range r.seat.others(r.e) {
		if namesVolume(other, name) {
			return true
		}
	}
	return false
}

// noteMounting settles the change of mounts that was recorded.
func (r *run) noteMounting(with ...store.Change) {
	r.persist(settleMounting, append(with, r.e.tellsMounting())...)
}
