package container

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Restart implements [cardplane.ContainerService]. It is a stop that is
// recorded together with the wish for another start, which the end of the run
// then takes up as a restart policy's.
func (s *Service) Restart(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	req, err := s.stopRequest(ctx, e.snapshot(), opts)
	if err != nil {
		return cardplane.Container{}, err
	}
	req.again = true
	c, r := e.active()
	if c.State == cardplane.Starting && r != nil {
		if c, err = r.awaitUp(ctx); err != nil {
			return c, err
		}
	}
	again, seen := false, e.runsBegun()
	switch {
	case c.State == cardplane.Restarting:
		again, err = true, e.hasten()
	case r != nil && c.State.Active():
		again, err = r.askToStop(ctx, req)
	}
	switch {
	case err != nil:
		return e.snapshot(), err
	case !again:
		return s.Start(ctx, e.id)
	}
	return e.awaitNextRun(ctx, seen)
}

// hasten has a container that is restarting start at once.
func (e *entry) hasten() error {
	return e.update(func(rec *store.Record) {
		rec.Run.Again, rec.Run.RestartAt = true, time.Now().UTC()
	})
}

// runsBegun counts the runs that were begun.
func (e *entry) runsBegun() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun
}

// awaitNextRun waits for the program of a run after the first seen ones.
func (e *entry) awaitNextRun(ctx context.Context, seen int) (cardplane.Container, error) {
	c, err := e.waitReached(ctx, func(c cardplane.Container) bool {
		return e.runsBegun() != seen || c.State.Ended()
	})
	if err != nil {
		return c, err
	}
	c, r := e.active()
	begun := e.runsBegun()
	switch {
	case r != nil && begun != seen:
		return r.awaitUp(ctx)
	case begun == seen:
		return c, apierr.New(apierr.FailedPrecondition, "start_canceled", "container %s was stopped while it was restarting", c.Name)
	case c.Error != nil:
		return c, c.Error
	}
	return c, nil // it has been quick
}
