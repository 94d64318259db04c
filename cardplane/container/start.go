package container

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Start implements [cardplane.ContainerService].
func (s *Service) Start(ctx context.Context, ref string) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := e.awaitEnd(ctx); err != nil {
		return cardplane.Container{}, err
	}
	r, err := e.begin(false)
	if err != nil {
		return cardplane.Container{}, err
	}
	select {
	case <-r.up:
		return e.snapshot(), nil
	case <-r.done:
		return e.snapshot(), r.startErr
	case <-ctx.Done():
		return e.snapshot(), ctx.Err()
	}
}

// awaitEnd waits until the machine of a run whose program has ended is gone.
func (e *entry) awaitEnd(ctx context.Context) error {
	c, r := e.active()
	if r == nil || c.State.Active() {
		return nil
	}
	return e.svc.whileReached(ctx, r.done)
}

// begin takes the container to starting, claims what the run will make on the
// host, and sets the run going. again tells that the restart policy asks for
// it.
func (e *entry) begin(again bool) (*run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := e.rec.Container.State
	if e.removed {
		return nil, notFound(e.id)
	}
	if e.run != nil || !state.CanBecome(cardplane.Starting) || again && state != cardplane.Restarting {
		return nil, apierr.New(apierr.FailedPrecondition, "container_already_running",
			"container %s is %s already", e.rec.Container.Name, state)
	}
	journal, release, err := e.useJournalLocked()
	if err != nil {
		return nil, err
	}
	if err := journal.BeginRun(); err != nil {
		release()
		return nil, err
	}
	if err := e.claimLocked(again); err != nil {
		err = errors.Join(err, journal.EndRun())
		release()
		return nil, err
	}
	return e.spawnLocked(&run{journal: journal, release: release})
}

// claimLocked records the beginning of a run together with claims for all
// that it will make on the host.
func (e *entry) claimLocked(again bool) error {
	vm := e.svc.cfg.Store.ID() + "-" + newID(machineBytes)
	claims := []store.Change{store.Claim(store.Resource{Kind: store.VM, ID: vm, Owner: e.id})}
	if !e.rec.Container.Spec.ReadOnlyRoot {
		claims = append(claims, store.Claim(store.Resource{Kind: store.Disk, ID: e.svc.diskID(e.id), Owner: e.id}))
	}
	clear(e.execs)
	e.settled = false
	claims = append(claims, store.DropExecs(e.id))
	return e.updateLocked(func(rec *store.Record) {
		c := &rec.Container
		c.State, c.SandboxID = cardplane.Starting, vm
		c.StartedAt, c.FinishedAt = time.Time{}, time.Time{}
		c.ExitCode, c.OOMKilled, c.Error, c.Guest, c.Timings = 0, false, nil, nil, nil
		run := store.Run{DiskUsed: rec.Run.DiskUsed}
		if again {
			c.RestartCount++
			run.Streak = rec.Run.Streak
		} else {
			c.RestartCount = 0
		}
		rec.Run = run
	}, claims...)
}

// spawnLocked completes r, the run of an active container, and sets it going.
func (e *entry) spawnLocked(r *run) (*run, error) {
	s := e.svc
	r.e, r.svc, r.log = e, s, s.log.WithField("container", e.id)
	r.stops, r.up, r.done = make(chan stopRequest), make(chan struct{}), make(chan struct{})
	r.ctx, r.cancel = context.WithCancelCause(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		r.release()
		return nil, shuttingDown()
	}
	e.run = r
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		r.main()
	}()
	return r, nil
}

func shuttingDown() error {
	return apierr.New(apierr.Unavailable, "shutting_down",
		"cardplaned is ending; what was begun goes on when it is started again")
}

// recoverEntry takes up a container that was active when the store was closed.
func (s *Service) recoverEntry(e *entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Container.State.Active() {
		return nil
	}
	journal, release, err := e.useJournalLocked()
	if err == nil {
		_, err = e.spawnLocked(&run{journal: journal, release: release, recovered: true, endedBefore: e.rec.Run.Exit != nil})
	}
	if err != nil {
		return fmt.Errorf("recover container %s: %w", e.id, err)
	}
	return nil
}
