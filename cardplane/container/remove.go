package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Remove implements [cardplane.ContainerService].
func (s *Service) Remove(ctx context.Context, ref string, force bool, revision string) error {
	e, err := s.lookup(ref)
	if err != nil {
		return err
	}
	r, restarting, err := e.beginRemove(force, revision)
	if err != nil {
		return err
	}
	if restarting {
		if _, err := e.endRestarting(ctx, r); err != nil {
			return err
		}
	}
	if r != nil {
		r.cancel(errRemoved)
		select {
		case <-r.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.remove(e)
}

// beginRemove checks that the container, as it stands, may be removed, and has
// the run end that it has.
func (e *entry) beginRemove(force bool, revision string) (r *run, restarting bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, r := e.snapshotLocked(), e.run
	if err := c.CheckRevision(revision); err != nil {
		return nil, false, err
	}
	restarting = c.State == cardplane.Restarting
	if (r != nil && c.State.Active() || restarting) && !force {
		return nil, false, running(c)
	}
	if r != nil && !restarting {
		r.cancel(errRemoved)
	}
	return r, restarting, nil
}

func running(c cardplane.Container) error {
	return apierr.New(apierr.FailedPrecondition, "container_running",
		"container %s is %s; stop it first, or remove it with force", c.Name, c.State)
}

// remove deletes a container that has no run. Removing it twice is no error.
func (s *Service) remove(e *entry) error {
	if err := s.forget(e); err != nil {
		return err
	}
	s.deleteDisk(s.layer(e.id))
	return nil
}

// forget deletes the record and the journal.
func (s *Service) forget(e *entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.rec.Container
	if e.removed {
		return nil
	}
	if e.run != nil || c.State.Active() {
		return running(c)
	}
	if err := s.drop(e.rec); err != nil {
		return err
	}
	e.removed = true
	if e.journal != nil {
		e.closeJournalLocked()
	}
	if err := logs.Remove(s.journalDir(e.id)); err != nil {
		s.log.WithError(err).WithField("container", e.id).Error("a journal was not removed")
	}
	e.announceLocked()
	return nil
}

// drop deletes the record, with the event of that, and takes the container out
// of the maps, but remembers how it ended. Who knows of the event finds it gone.
func (s *Service) drop(rec store.Record) error {
	c := rec.Container
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cfg.Store.Remove(rec, s.recording(cardplane.ContainerRemoved, c, nil)); err != nil {
		return err
	}
	delete(s.entries, c.ID)
	if s.names[c.Name] == c.ID {
		delete(s.names, c.Name)
	}
	s.gone = append(s.gone, c)
	s.gone = s.gone[max(0, len(s.gone)-maxGone):]
	return nil
}

// deleteDisk deletes a disk that nothing needs any more now, or leaves it to
// the janitor.
func (s *Service) deleteDisk(disk store.Resource) {
	if claimed, err := s.cfg.Store.Claimed(disk.Kind, disk.ID); err == nil && !claimed {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, destroyTimeout)
	defer cancel()
	if err := s.clean(ctx, disk); err != nil {
		s.log.WithError(err).WithField("disk", disk.ID).Warn("the disk is not removed yet")
		s.wakeJanitor()
	}
}
