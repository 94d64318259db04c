package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Pause implements [cardplane.ContainerService].
func (s *Service) Pause(ctx context.Context, ref string) (cardplane.Container, error) {
	return s.setPaused(ctx, ref, true)
}

// Unpause implements [cardplane.ContainerService].
func (s *Service) Unpause(ctx context.Context, ref string) (cardplane.Container, error) {
	return s.setPaused(ctx, ref, false)
}

// setPaused records the wish, and waits until the guest has fulfilled it. When
// the host is away for long that is done when it is back.
func (s *Service) setPaused(ctx context.Context, ref string, paused bool) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return cardplane.Container{}, err
	}
	f, err := r.beginFreeze(paused)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := s.whileReached(ctx, f.done); err != nil {
		return e.snapshot(), err
	}
	return e.snapshot(), f.err
}

// beginFreeze makes the new state durable and has the guest follow it.
func (r *run) beginFreeze(pause bool) (*task, error) {
	e := r.e
	e.mu.Lock()
	defer e.mu.Unlock()
	from, to := cardplane.Running, cardplane.Paused
	if !pause {
		from, to = to, from
	}
	c := e.snapshotLocked()
	switch {
	case r.over || e.run != r || !c.State.Active():
		return nil, notRunning(c)
	case c.State == cardplane.Paused && pause:
		return nil, paused(c)
	case c.State != from && pause:
		return nil, apierr.New(apierr.FailedPrecondition, "container_stopping", "container %s is %s; only a running one can be paused", c.Name, c.State)
	case c.State != from:
		return nil, apierr.New(apierr.FailedPrecondition, "container_not_paused", "container %s is %s, not paused", c.Name, c.State)
	}
	err := e.updateLocked(func(rec *store.Record) { rec.Container.State, rec.Run.FreezeDue = to, true })
	if err != nil {
		return nil, err
	}
	return r.aside(r.followState), nil
}

func paused(c cardplane.Container) error {
	return apierr.New(apierr.FailedPrecondition, "container_paused",
		"container %s is paused; let it go on with `cardctl unpause %s`", c.Name, c.Name)
}

// resumeFreeze has the guest follow the container's state where it may not
// have done so yet: after a restart of the control plane, and at a stop.
func (r *run) resumeFreeze() {
	e := r.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Run.FreezeDue || r.over {
		return
	}
	r.aside(r.followState)
}

// followState has the guest freeze or thaw the container, as its state says,
// for as long as it takes.
func (r *run) followState() error {
	r.freezing.Lock()
	defer r.freezing.Unlock()
	for retry := guestclient.NewBackoff(); ; {
		rec := r.e.record()
		if !rec.Run.FreezeDue {
			return nil
		}
		pause := rec.Container.State == cardplane.Paused
		err := r.sb.Guest().Freeze(r.ctx, r.e.id, pause)
		switch {
		case err == nil:
			if r.frozen(pause) {
				return nil
			}
			continue
		case r.ctx.Err() == nil && guestclient.Permanent(err):
			r.notFrozen(pause)
			r.log.WithError(err).Warn("the container's processes were not frozen or thawed")
			return r.e.notRunning(err)
		}
		if retry.Wait(r.ctx) == nil {
			continue
		}
		if detached(r.ctx) {
			return shuttingDown()
		}
		return notRunning(r.e.snapshot())
	}
}

// frozen records what the guest has done. It returns false when something else
// is wished for by now.
func (r *run) frozen(pause bool) (done bool) {
	r.persist(func(rec *store.Record) {
		done = (rec.Container.State == cardplane.Paused) == pause
		rec.Run.FreezeDue, rec.Run.PauseTold = !done, pause
	}, r.e.tellsPause(pause))
	return done
}

// notFrozen takes the state back that the guest has refused to follow.
func (r *run) notFrozen(pause bool) {
	r.persist(func(rec *store.Record) {
		rec.Run.FreezeDue = false
		switch c := &rec.Container; {
		case pause && c.State == cardplane.Paused:
			c.State = cardplane.Running
		case !pause && c.State == cardplane.Running:
			c.State = cardplane.Paused
		}
	})
}
