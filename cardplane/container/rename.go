package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
)

// Rename implements [cardplane.ContainerService].
func (s *Service) Rename(_ context.Context, ref, name, revision string) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := checkName("/name", name); err != nil {
		return cardplane.Container{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.removed {
		return cardplane.Container{}, notFound(ref)
	}
	if err := e.snapshotLocked().CheckRevision(revision); err != nil {
		return cardplane.Container{}, err
	}
	old := e.rec.Container.Name
	if name == old {
		return e.snapshotLocked().WithRevision(), nil
	}
	if err := e.renameLocked(name); err != nil {
		return cardplane.Container{}, err
	}
	s.zones.announce()
	return e.snapshotLocked().WithRevision(), nil
}

// renameLocked gives the container the name, durably.
func (e *entry) renameLocked(name string) error {
	old, next := e.rec.Container.Name, e.rec
	next.Container.Name, next.Container.Spec.Name = name, name
	s := e.svc
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.recording(cardplane.ContainerRenamed, next.Container, map[string]string{"oldName": old})
	if err := s.cfg.Store.Rename(next, old, told); err != nil {
		return err
	}
	delete(s.names, old)
	s.names[name] = e.id
	e.rec = next
	e.announceLocked()
	return nil
}
