package container

import (
	"context"
	"errors"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// AttachVolume implements [cardplane.MountService].
func (s *Service) AttachVolume(ctx context.Context, ref string, m cardplane.VolumeMount) (cardplane.Container, error) {
	e, v, err := s.mountable(ctx, ref, m.Volume)
	if err != nil {
		return cardplane.Container{}, err
	}
	m.Volume = v.Name
	if err := errors.Join(checkMount("", m), checkRaw("", m, v)); err != nil {
		return cardplane.Container{}, err
	}
	return s.changeMounts(ctx, e, v, store.Mounting{Mount: m})
}

// DetachVolume implements [cardplane.MountService].
func (s *Service) DetachVolume(ctx context.Context, ref, volume string) (cardplane.Container, error) {
	e, v, err := s.mountable(ctx, ref, volume)
	if err != nil {
		return cardplane.Container{}, err
	}
	return s.changeMounts(ctx, e, v, store.Mounting{Mount: cardplane.VolumeMount{Volume: v.Name}, Detach: true})
}

func (s *Service) mountable(ctx context.Context, ref, volume string) (*entry, cardplane.Volume, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return nil, cardplane.Volume{}, err
	}
	v, err := s.volumes.Get(ctx, volume)
	return e, v, err
}

// changeMounts makes a change of a container's mounts: of its specification alone,
// or where it runs, of its machine and then of that.
func (s *Service) changeMounts(ctx context.Context, e *entry, v cardplane.Volume, change store.Mounting) (cardplane.Container, error) {
	unlock, err := s.keys.lock(ctx, "volumes of "+e.id)
	if err != nil {
		return cardplane.Container{}, err
	}
	defer unlock()
	r, err := e.changeableRun(ctx, "volumes")
	if err != nil {
		return e.snapshot(), err
	}
	if r == nil {
		if err := s.remount(ctx, e, change); err != nil {
			return e.snapshot(), err
		}
		return e.snapshot().WithRevision(), nil
	}
	if v.Format == cardplane.FormatRaw {
		return e.snapshot(), isRaw(v, "the device rules of a container that runs cannot be told of; stop the container first, and start it again")
	}
	if err := s.whileReached(ctx, r.lastMounting().done); err != nil {
		return e.snapshot(), err // an earlier change waits for the host
	}
	begun, err := r.beginMounting(v, change)
	if err == nil {
		err = s.whileReached(ctx, begun.done)
	}
	if err != nil {
		return e.snapshot(), err
	}
	return e.snapshot().WithRevision(), begun.err
}

// remount changes the mounts of a container that does not run, once the machine of
// its last run is gone.
func (s *Service) remount(ctx context.Context, e *entry, change store.Mounting) error {
	if err := e.awaitEnd(ctx); err != nil {
		return err
	}
	before := e.record().Container.Spec.Volumes
	if err := e.remount(change); err != nil {
		return err
	}
	_, err := s.volumes.Get(ctx, change.Mount.Volume)
	if err == nil || change.Detach {
		return nil
	}
	// It was removed before the container was recorded with it.
	change.Detach = true
	return errors.Join(err, e.update(func(rec *store.Record) { rec.Container.Spec.Volumes = before }, e.tellsMount(change)))
}

func (e *entry) remount(change store.Mounting) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.rec.Container
	if c.State.Active() {
		return changing(c, "volumes")
	}
	mounts, err := remounted(c, change)
	if err != nil {
		return err
	}
	return e.updateLocked(func(rec *store.Record) { rec.Container.Spec.Volumes = mounts }, e.tellsMount(change))
}

// remounted are the mounts of c after a change.
func remounted(c cardplane.Container, change store.Mounting) ([]cardplane.VolumeMount, error) {
	list, name := slices.Clone(c.Spec.Volumes), change.Mount.Volume
	if change.Detach {
		rest := slices.DeleteFunc(list, func(m cardplane.VolumeMount) bool { return m.Volume == name })
		if len(rest) == len(c.Spec.Volumes) {
			return nil, apierr.New(apierr.FailedPrecondition, "volume_not_attached", "container %s does not have the volume %q", c.Name, name)
		}
		return rest, nil
	}
	for _, m := range list {
		if m.Path == change.Mount.Path {
			return nil, invalid("/path", "invalid_volume_path", "container %s has the volume %q at %q; choose another path", c.Name, m.Volume, m.Path)
		}
	}
	if len(list) >= cardplane.MaxVolumeMounts {
		return nil, apierr.New(apierr.FailedPrecondition, "too_many_volumes", "container %s has %d volumes; it cannot have more, so detach one first", c.Name, len(list))
	}
	return append(list, change.Mount), nil
}

// mountsOf are the mounts of a container, with one that is on its way.
func mountsOf(rec store.Record) []cardplane.VolumeMount {
	if change := rec.Run.Mounting; change != nil && !change.Detach {
		return append(slices.Clone(rec.Container.Spec.Volumes), change.Mount)
	}
	return rec.Container.Spec.Volumes
}

// namesVolume reports whether a container names a volume.
func namesVolume(rec store.Record, volume string) bool {
	_, uses := volumeUses(mountsOf(rec))[volume]
	return uses
}

// settleMounting makes a change of mounts that has begun a part of the
// specification, unless it was refused.
func settleMounting(rec *store.Record) {
	change := rec.Run.Mounting
	rec.Run.Mounting = nil
	if change == nil || change.Refused {
		return
	}
	if mounts, err := remounted(rec.Container, *change); err == nil {
		rec.Container.Spec.Volumes = mounts
	}
}
