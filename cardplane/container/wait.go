package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Wait implements [cardplane.ContainerService].
func (s *Service) Wait(ctx context.Context, ref string, until cardplane.WaitCondition) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		if c, ok := s.lookupGone(ref); ok {
			return c, nil
		}
		return cardplane.Container{}, err
	}
	switch until {
	case "", cardplane.WaitNotRunning:
		return e.waitUntil(ctx, e.over)
	case cardplane.WaitNextExit:
		return e.waitNextEnd(ctx)
	case cardplane.WaitRemoved:
		return e.waitUntil(ctx, func(cardplane.Container) bool { return false })
	case cardplane.WaitHealthy:
		return e.waitHealthy(ctx)
	}
	return cardplane.Container{}, apierr.New(apierr.InvalidArgument, "invalid_condition",
		"the condition %q is unknown; use not-running, next-exit, removed or healthy", until).At("condition")
}

// waitNextEnd returns the container as its next end leaves it.
func (e *entry) waitNextEnd(ctx context.Context) (cardplane.Container, error) {
	_, seen := e.lastEnd()
	c, err := e.waitUntil(ctx, func(cardplane.Container) bool {
		_, ends := e.lastEnd()
		return ends > seen
	})
	if ended, ends := e.lastEnd(); err == nil && ends > seen {
		return ended, nil
	}
	return c, err
}

// lastEnd returns the container as its latest end has left it, and how many
// ends there have been.
func (e *entry) lastEnd() (cardplane.Container, int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended, e.ends
}

// noteFailure tells of the end of a run without an exit.
func (e *entry) noteFailure() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.noteEndLocked()
	e.announceLocked()
}

// lookupGone finds a container that was removed not long ago, by its id, so
// that a Wait which comes late still learns the exit code.
func (s *Service) lookupGone(id string) (cardplane.Container, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.gone {
		if c.ID == id {
			return c, true
		}
	}
	return cardplane.Container{}, false
}
