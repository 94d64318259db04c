package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Remove implements [cardplane.ContainerService].
func (s *Service) Remove(ctx context.Context, ref string, force bool) error {
	e, err := s.lookup(ref)
	if err != nil {
		return err
	}
	c, r := e.active()
	restarting := c.State == cardplane.Restarting
	if (r != nil && c.State.Active() || restarting) && !force {
		return running(c)
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

func running(c cardplane.Container) error {
	return apierr.New(apierr.FailedPrecondition, "container_running",
		"container %s is %s; stop it first, or remove it with force", c.Name, c.State)
}

// remove deletes a container that has no run. Removing it twice is no error.
func (s *Service) remove(e *entry) error {
	if err := s.forget(e); err != nil {
		return err
	}
	s.deleteDisk(e.id)
	return nil
}

// forget deletes the record and the journal, and publishes that.
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
	if err := s.cfg.Store.Remove(e.rec); err != nil {
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
	s.drop(c)
	s.publish(cardplane.ContainerRemoved, c.ID, c.Name, nil)
	return nil
}

// drop takes a container out of the maps, but remembers how it ended.
func (s *Service) drop(c cardplane.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, c.ID)
	if s.names[c.Name] == c.ID {
		delete(s.names, c.Name)
	}
	s.gone = append(s.gone, c)
	s.gone = s.gone[max(0, len(s.gone)-maxGone):]
}

// deleteDisk deletes the disk of a removed container now, or leaves it to the
// janitor.
func (s *Service) deleteDisk(container string) {
	disk := store.Resource{Kind: store.Disk, ID: s.diskID(container), Owner: container}
	if claimed, err := s.cfg.Store.Claimed(disk.Kind, disk.ID); err == nil && !claimed {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, destroyTimeout)
	defer cancel()
	if err := s.clean(ctx, disk); err != nil {
		s.log.WithError(err).WithField("container", container).Warn("the writable layer is not removed yet")
		s.wakeJanitor()
	}
}
