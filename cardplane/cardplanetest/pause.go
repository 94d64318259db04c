package cardplanetest

import (
	"context"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *containerService) Restart(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	running := c.State.Active()
	c.again = true
	_, err = s.stopLocked(ctx, c, opts)
	c.again = false
	if err != nil {
		return cardplane.Container{}, err
	}
	out, err := s.startLocked(ctx, c)
	if err == nil && running {
		m.eventLocked(cardplane.ContainerRestarted, c.ID, c.Name, nil)
	}
	return out, err
}

// Pause implements cardplane.ContainerService. Programs that are functions
// cannot be frozen, so only the state tells.
func (s *containerService) Pause(_ context.Context, ref string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err == nil {
		_, err = c.runningLocked()
	}
	switch {
	case err != nil:
		return cardplane.Container{}, err
	case c.State == cardplane.Paused:
		return cardplane.Container{}, paused(c)
	case c.State != cardplane.Running:
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "container_stopping", "container %s is %s", c.Name, c.State)
	}
	c.State = cardplane.Paused
	m.eventLocked(cardplane.ContainerPaused, c.ID, c.Name, nil)
	return c.Container, nil
}

func (s *containerService) Unpause(_ context.Context, ref string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err == nil {
		_, err = c.runningLocked()
	}
	switch {
	case err != nil:
		return cardplane.Container{}, err
	case c.State != cardplane.Paused:
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "container_not_paused", "container %s is %s, not paused", c.Name, c.State)
	}
	m.unpauseLocked(c)
	return c.Container, nil
}

func (m *Memory) unpauseLocked(c *container) {
	if c.State == cardplane.Paused {
		c.State = cardplane.Running
		m.eventLocked(cardplane.ContainerUnpaused, c.ID, c.Name, nil)
	}
}

// Update implements cardplane.ContainerService. Functions have no limits, so
// that all resources of one that runs count from its next start on.
func (s *containerService) Update(_ context.Context, ref string, update cardplane.ContainerUpdate, revision string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err == nil {
		err = c.CheckRevision(revision)
	}
	if err != nil {
		return cardplane.Container{}, err
	}
	spec := update.Apply(c.Spec)
	if r := spec.Resources; r.PidsLimit < 0 {
		return cardplane.Container{}, apierr.New(apierr.InvalidArgument, "invalid_field", "a limit of %d processes is not possible", r.PidsLimit).At("/resources/pidsLimit")
	}
	if c.State.Active() && spec.Resources.MemoryBytes > c.Spec.Resources.MemoryBytes {
		c.Pending = []string{"memoryBytes"}
	}
	c.Spec = spec
	m.eventLocked(cardplane.ContainerUpdated, c.ID, c.Name, nil)
	return c.WithRevision(), nil
}

func paused(c *container) error {
	return apierr.New(apierr.FailedPrecondition, "container_paused", "container %s is paused; unpause it first", c.Name)
}

func (s *containerService) Rename(_ context.Context, ref, name, revision string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	switch {
	case err != nil:
		return cardplane.Container{}, err
	case c.CheckRevision(revision) != nil:
		return cardplane.Container{}, c.CheckRevision(revision)
	case name == c.Name:
		return c.WithRevision(), nil
	case name == "" || strings.Contains(name, "/"):
		return cardplane.Container{}, apierr.New(apierr.InvalidArgument, "invalid_name", "the name %q is not usable", name).At("/name")
	case m.nameTakenLocked(name):
		return cardplane.Container{}, nameTaken(name)
	}
	old := c.Name
	c.Name, c.Spec.Name = name, name
	m.eventLocked(cardplane.ContainerRenamed, c.ID, name, map[string]string{"oldName": old})
	return c.WithRevision(), nil
}
