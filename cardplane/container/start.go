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
	return r.awaitUp(ctx)
}

// awaitUp waits until the program runs, or the start has failed.
func (r *run) awaitUp(ctx context.Context) (cardplane.Container, error) {
	select {
	case <-r.up:
		return r.e.snapshot(), nil
	case <-r.done:
		return r.e.snapshot(), r.startErr
	case <-ctx.Done():
		return r.e.snapshot(), ctx.Err()
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
	volumes, err := e.svc.claimVolumes(e.record().Container)
	if err != nil {
		return nil, err
	}
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
		e.releaseJournalLocked()
		return nil, err
	}
	seat, err := e.claimLocked(again, volumes)
	if err != nil {
		err = errors.Join(err, journal.EndRun())
		e.releaseJournalLocked()
		return nil, err
	}
	return e.spawnLocked(&run{journal: journal, release: release, seat: seat})
}

// claimLocked records the beginning of a run together with claims for all
// that it will make on the host. It returns the machine that the run shares,
// nil where it has its own.
func (e *entry) claimLocked(again bool, volumes []store.Change) (seat *machine, err error) {
	b := e.svc.boxes.named(e.rec.Container.Spec.Sandbox)
	if b == nil {
		vm := e.svc.cfg.Store.ID() + "-" + newID(machineBytes)
		machine := store.Claim(store.Resource{Kind: store.VM, ID: vm, Owner: e.id})
		return nil, e.beginRunLocked(again, vm, append(volumes, machine))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.svc.ctx.Err() != nil {
		// The machine may have stopped booting for that. It is taken up later, and
		// no other must have its place then.
		return nil, shuttingDown()
	}
	seat, machine := b.enterLocked(e)
	err = e.beginRunLocked(again, seat.id, append(volumes, machine...))
	b.enteredLocked(seat, e, err)
	return seat, err
}

// beginRunLocked records the beginning of a run in the machine vm, with claims.
func (e *entry) beginRunLocked(again bool, vm string, claims []store.Change) error {
	if !e.rec.Container.Spec.ReadOnlyRoot {
		claims = append(claims, store.Claim(e.svc.layer(e.id)))
	}
	claims = append(claims, store.DropExecs(e.id))
	err := e.updateLocked(func(rec *store.Record) {
		c := &rec.Container
		c.State, c.SandboxID = cardplane.Starting, vm
		c.StartedAt, c.FinishedAt = time.Time{}, time.Time{}
		c.ExitCode, c.OOMKilled, c.Error, c.Guest, c.Timings = 0, false, nil, nil, nil
		c.EndReason, c.Signal, c.Pending = "", 0, nil
		c.Interfaces, c.Ports, c.NetworkReason = nil, nil, ""
		c.Health = firstHealth(c.Spec)
		run := store.Run{DiskUsed: rec.Run.DiskUsed}
		switch {
		case again && rec.Run.Again:
			c.RestartCount, run.Restarted = 0, true
		case again:
			c.RestartCount++
			run.Streak = rec.Run.Streak
		default:
			c.RestartCount = 0
		}
		rec.Run = run
	}, claims...)
	if err != nil {
		return err
	}
	clear(e.execs)
	e.settled = false
	e.begun++
	return nil
}

// spawnLocked completes r, the run of an active container, and sets it going.
func (e *entry) spawnLocked(r *run) (*run, error) {
	s := e.svc
	r.e, r.svc, r.log = e, s, s.log.WithField("container", e.id)
	r.stops, r.up, r.done = make(chan stopRequest), make(chan struct{}), make(chan struct{})
	r.ctx, r.cancel = context.WithCancelCause(s.ctx)
	r.files = newDelivery(r)
	if r.seat == nil {
		r.net = newWiring(containerWired{e}, s, r.ctx, r.log)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e.releaseJournalLocked()
		return nil, shuttingDown()
	}
	e.run = r
	if r.seat != nil {
		r.seat.begin.Do(func() { s.work.Go(r.seat.run) })
	}
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

// recoverEntry takes up a container that was active when the store was closed,
// in the machine that it shares, if it does.
func (s *Service) recoverEntry(e *entry, seat *machine) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Container.State.Active() {
		return nil
	}
	journal, release, err := e.useJournalLocked()
	if err == nil {
		_, err = e.spawnLocked(&run{journal: journal, release: release, recovered: true, seat: seat, endedBefore: e.rec.Run.Exit != nil})
	}
	if err != nil {
		return fmt.Errorf("recover container %s: %w", e.id, err)
	}
	return nil
}
