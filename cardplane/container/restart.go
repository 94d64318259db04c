package container

import (
	"context"
	"errors"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
)

// The pause before a container is started again doubles with every end, until
// a run has lasted for steadyAfter.
const (
	firstPause  = 100 * time.Millisecond
	maxPause    = time.Minute
	steadyAfter = 10 * time.Second
)

// restartPause returns the pause after a number of ends in a row.
func restartPause(streak int) time.Duration {
	pause := firstPause
	for ; streak > 0 && pause < maxPause; streak-- {
		pause *= 2
	}
	return min(pause, maxPause)
}

// again reports whether the policy of rec starts it again after end.
func (r *run) again(rec *store.Record, end *ending) bool {
	cause := context.Cause(r.ctx)
	canceled := errors.Is(cause, errStopped) || errors.Is(cause, errRemoved)
	if rec.Run.Again && !canceled {
		return true
	}
	if r.endedBefore && rec.Container.Spec.Restart.AtOpen(rec.Run.Stopped) {
		return true
	}
	if rec.Run.Stopped || canceled {
		return false
	}
	count := rec.Container.RestartCount
	if end.exit == nil && rec.Container.StartedAt.IsZero() && count == 0 {
		return false // whoever has asked for a start is told why it has failed
	}
	failed := end.exit == nil || end.exit.Code != 0
	return rec.Container.Spec.Restart.AfterEnd(failed, count)
}

// planRestart says in rec, whose end is recorded, when it is started again.
func planRestart(rec *store.Record) {
	c := &rec.Container
	if rec.Run.Again {
		c.State, rec.Run.RestartAt, rec.Run.Streak = cardplane.Restarting, time.Now().UTC(), 0
		return
	}
	if !c.StartedAt.IsZero() && c.FinishedAt.Sub(c.StartedAt) >= steadyAfter {
		rec.Run.Streak = 0
	}
	c.State = cardplane.Restarting
	rec.Run.RestartAt = time.Now().Add(restartPause(rec.Run.Streak)).UTC()
	rec.Run.Streak++
}

// scheduleRestart starts the container again when it is time, if it is
// restarting.
func (e *entry) scheduleRestart() {
	e.svc.mu.Lock()
	defer e.svc.mu.Unlock()
	if e.svc.closed {
		return
	}
	e.svc.work.Go(func() {
		for e.awaitRestart() {
			_, err := e.begin(true)
			if err == nil {
				return
			}
			e.svc.log.WithError(err).WithField("container", e.id).Error("the container could not be started again; trying later")
			e.postponeRestart()
		}
	})
}

// awaitRestart waits until it is time to start the container again. It returns
// false when that is no longer to be.
func (e *entry) awaitRestart() bool {
	for {
		e.mu.Lock()
		restarting := e.rec.Container.State == cardplane.Restarting && !e.removed
		at, changed := e.rec.Run.RestartAt, e.changed
		e.mu.Unlock()
		if !restarting {
			return false
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-timer.C:
			return true
		case <-changed:
		case <-e.svc.ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// postponeRestart waits for longer. That it may not be durable does no harm.
func (e *entry) postponeRestart() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rec.Run.RestartAt = time.Now().Add(restartPause(e.rec.Run.Streak)).UTC()
	e.rec.Run.Streak++
}

// endRestarting stops a container that is restarting, so that it is as its
// last run has left it. run is what is left of that, or nil.
func (e *entry) endRestarting(ctx context.Context, run *run) (cardplane.Container, error) {
	if err := e.update(func(rec *store.Record) { rec.Run.Stopped, rec.Run.Again = true, false }); err != nil {
		return e.snapshot(), err
	}
	if run != nil {
		if err := e.svc.whileReached(ctx, run.done); err != nil {
			return e.snapshot(), err
		}
	}
	err := e.update(func(rec *store.Record) {
		c := &rec.Container
		switch {
		case c.State != cardplane.Restarting:
		case c.Error != nil:
			c.State = cardplane.Failed
		default:
			c.State = cardplane.Exited
		}
	})
	return e.snapshot(), err
}

// restartAtOpen takes up the policy of a container that has ended, or was
// restarting, when the control plane starts.
func (e *entry) restartAtOpen() error {
	e.mu.Lock()
	c, stopped := e.rec.Container, e.rec.Run.Stopped
	e.mu.Unlock()
	if c.State.Ended() && c.Spec.Restart.AtOpen(stopped) {
		if err := e.update(func(rec *store.Record) {
			rec.Container.State = cardplane.Restarting
			rec.Run.RestartAt = time.Now().UTC()
		}); err != nil {
			return err
		}
		c = e.snapshot()
	}
	if c.State == cardplane.Restarting {
		e.scheduleRestart()
	}
	return nil
}
