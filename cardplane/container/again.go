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
	again := false
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
	return e.awaitNextRun(ctx, c.SandboxID)
}

// hasten has a container that is restarting start at once.
func (e *entry) hasten() error {
	return e.update(func(rec *store.Record) {
		rec.Run.Again, rec.Run.RestartAt = true, time.Now().UTC()
	})
}

// awaitNextRun waits for the program of the run after that which had the
// sandbox.
func (e *entry) awaitNextRun(ctx context.Context, sandbox string) (cardplane.Container, error) {
	c, err := e.waitReached(ctx, func(c cardplane.Container) bool {
		return c.SandboxID != sandbox || c.State.Ended()
	})
	if err != nil {
		return c, err
	}
	c, r := e.active()
	switch {
	case r != nil && c.SandboxID != sandbox:
		return r.awaitUp(ctx)
	case c.SandboxID == sandbox:
		return c, apierr.New(apierr.FailedPrecondition, "start_canceled", "container %s was stopped while it was restarting", c.Name)
	case c.Error != nil:
		return c, c.Error
	}
	return c, nil // it has been quick
}
