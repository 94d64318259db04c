package container

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	sigKill = 9
	sigTerm = "SIGTERM"
)

// stopRequest asks a run to end its program.
type stopRequest struct {
	signal int
	name   string
	grace  time.Duration
	again  bool // and to be started again
}

// escalation is the way from the stop signal to SIGKILL.
type escalation struct {
	timer  *time.Timer
	at     time.Time // when timer fires; zero while nobody has asked for a stop
	killed bool      // SIGKILL was sent; timer now watches the guest
	limit  time.Duration
	away   bool // the host is away, so the guest cannot be judged
}

// newEscalation takes up a stop that was asked for before, if killAt says so.
// limit is how long the guest may take to kill the program.
func newEscalation(killAt time.Time, limit time.Duration) *escalation {
	e := &escalation{timer: time.NewTimer(time.Hour), at: killAt, limit: limit}
	if killAt.IsZero() {
		e.timer.Stop()
	} else {
		e.timer.Reset(time.Until(killAt))
	}
	return e
}

// sooner moves SIGKILL to at, unless it is due before.
func (e *escalation) sooner(at time.Time) {
	if !e.killed && (e.at.IsZero() || at.Before(e.at)) {
		e.at = at
		e.timer.Reset(time.Until(at))
	}
}

// kill begins the watch over a guest that was sent SIGKILL.
func (e *escalation) kill() {
	e.killed = true
	e.timer.Reset(e.limit)
}

// heed stops the watch over the guest while the host is away, and begins it
// anew when the host is back.
func (e *escalation) heed(away error) {
	switch {
	case !e.killed:
	case away != nil:
		e.timer.Stop()
	case e.away:
		e.timer.Reset(e.limit)
	}
	e.away = away != nil
}

func (e *escalation) stop() { e.timer.Stop() }

// beginStop records that the program was asked to end.
func (r *run) beginStop(req stopRequest, esc *escalation) {
	esc.sooner(time.Now().Add(req.grace))
	r.persist(func(rec *store.Record) {
		if rec.Container.State == cardplane.Paused {
			rec.Run.FreezeDue = true
		}
		rec.Container.State = cardplane.Stopping
		rec.Run.KillAt, rec.Run.Stopped, rec.Run.Again = esc.at, true, req.again
	})
	r.resumeFreeze()
	if !esc.killed {
		r.e.setReason("waiting for the program to end after " + req.name)
	}
}

// signal sends a signal to the program, for as long as it takes to reach the
// agent.
func (r *run) signal(ctx context.Context, sb *sandbox.Sandbox, signal int) {
	for retry := guestclient.NewBackoff(); ; {
		err := sb.Guest().KillContainer(ctx, r.e.id, signal)
		if err == nil || ctx.Err() != nil || apierr.Is(err, "container_not_running") {
			return
		}
		if guestclient.Permanent(err) {
			r.log.WithError(err).Error("the program could not be signalled")
			return
		}
		if retry.Wait(ctx) != nil {
			return
		}
	}
}

// Stop implements [cardplane.ContainerService].
func (s *Service) Stop(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	req, err := s.stopRequest(ctx, e.snapshot(), opts)
	if err != nil {
		return cardplane.Container{}, err
	}
	c, r := e.active()
	if c.State == cardplane.Restarting {
		return e.endRestarting(ctx, r)
	}
	if r == nil || !c.State.Active() {
		return c, nil
	}
	if c.State == cardplane.Starting {
		r.cancel(errStopped)
	} else if _, err := r.askToStop(ctx, req); err != nil {
		return c, err
	}
	// The stop is recorded, and done when a host that is away is back.
	return e.waitReached(ctx, func(c cardplane.Container) bool { return !c.State.Active() })
}

// askToStop passes req to the run, unless that comes to its end by itself.
func (r *run) askToStop(ctx context.Context, req stopRequest) (taken bool, err error) {
	select {
	case r.stops <- req:
		return true, nil
	case <-r.done:
	case <-r.ctx.Done():
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return false, nil
}

// active returns the container and its run, nil where it has none. A container
// that has exited has a run for as long as its machine is being taken away.
func (e *entry) active() (cardplane.Container, *run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.snapshotLocked(), e.run
}

// stopRequest finds the signal: the request's, the container's, the image's.
func (s *Service) stopRequest(ctx context.Context, c cardplane.Container, opts cardplane.StopOptions) (stopRequest, error) {
	req := stopRequest{name: opts.Signal, grace: opts.Timeout}
	if opts.Timeout < 0 {
		req.grace = c.Spec.StopTimeout()
	}
	if req.grace <= 0 {
		return stopRequest{signal: sigKill, name: "SIGKILL"}, nil
	}
	if req.name == "" {
		req.name = c.Spec.StopSignal
	}
	if req.name == "" {
		if image, err := s.cfg.Images.Get(ctx, c.ImageID); err == nil {
			req.name = image.Config.StopSignal
		}
	}
	if req.name == "" {
		req.name = sigTerm
	}
	var err error
	req.signal, err = ocispec.ParseSignal(req.name)
	return req, err
}

// Kill implements [cardplane.ContainerService]. A signal whose answer is lost
// is not sent again, as it may have arrived.
func (s *Service) Kill(ctx context.Context, ref, signal string) error {
	e, err := s.lookup(ref)
	if err != nil {
		return err
	}
	if signal == "" {
		signal = "SIGKILL"
	}
	number, err := ocispec.ParseSignal(signal)
	if err != nil {
		return err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return err
	}
	ends, err := e.asksForEnd(ctx, number)
	if err == nil && ends {
		err = e.update(func(rec *store.Record) { rec.Run.Stopped = true })
	}
	if err != nil {
		return err
	}
	if err := e.notRunning(r.sendSignal(ctx, number)); err != nil || !ends {
		return err
	}
	if f, err := r.beginFreeze(false); err == nil {
		return s.whileReached(ctx, f.done)
	}
	return nil // it was not paused
}

// sendSignal has the guest signal the program once.
func (r *run) sendSignal(ctx context.Context, signal int) error {
	return r.command(ctx, func(ctx context.Context) error {
		err := r.sb.Guest().KillContainer(ctx, r.e.id, signal)
		if apierr.Is(err, guestclient.CodeUnreachable) && !guestclient.Unsent(err) {
			return sandbox.Explain(apierr.New(apierr.Unavailable, "connection_lost",
				"the link broke before the answer came, so the signal may have arrived: %w", err))
		}
		return err
	})
}

// asksForEnd reports whether signal asks for the program's end, where that
// makes a difference.
func (e *entry) asksForEnd(ctx context.Context, signal int) (bool, error) {
	c := e.snapshot()
	if c.Spec.Restart.Never() && c.State != cardplane.Paused {
		return false, nil
	}
	stop, err := e.svc.stopRequest(ctx, c, cardplane.StopOptions{Timeout: time.Second})
	return signal == sigKill || signal == stop.signal, err
}

// Resize implements [cardplane.ContainerService].
func (s *Service) Resize(ctx context.Context, ref string, size cardplane.TerminalSize) error {
	e, err := s.lookup(ref)
	if err != nil {
		return err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return err
	}
	return e.notRunning(r.command(ctx, func(ctx context.Context) error {
		return r.sb.Guest().ResizeContainer(ctx, e.id, terminalSize(size))
	}))
}

// command has the guest do something that a caller waits for.
func (r *run) command(ctx context.Context, do func(context.Context) error) error {
	return r.svc.reach(ctx, r.sb, r.svc.cfg.ReachTimeout, do)
}

// runningRun returns the run of a container whose program runs, once its
// guest is reached.
func (e *entry) runningRun(ctx context.Context) (*run, error) {
	c, r := e.active()
	if r == nil || !c.State.Active() || c.State == cardplane.Starting && !r.isUp() {
		return nil, notRunning(c)
	}
	late := time.NewTimer(e.svc.cfg.ReachTimeout)
	defer late.Stop()
	select {
	case <-r.up:
		return r, nil
	case <-r.done:
		return nil, notRunning(e.snapshot())
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
	}
	c = e.snapshot()
	return nil, apierr.New(apierr.Unavailable, "host_unavailable",
		"container %s cannot be reached: %s; try again when the compute host is back", c.Name, c.Reason)
}

// isUp reports whether the program runs and the guest is reached.
func (r *run) isUp() bool {
	select {
	case <-r.up:
		return true
	default:
		return false
	}
}

// notRunning puts the guest's words for a program that has ended into ours.
func (e *entry) notRunning(err error) error {
	switch {
	case apierr.Is(err, "container_not_running"):
		return notRunning(e.snapshot())
	case apierr.Is(err, "container_paused"):
		return paused(e.snapshot())
	case apierr.Is(err, "not_a_terminal"):
		return noTerminal(e.snapshot())
	}
	return err
}

func notRunning(c cardplane.Container) error {
	return apierr.New(apierr.FailedPrecondition, "container_not_running",
		"container %s is %s; start it with `cardctl start %s`", c.Name, c.State, c.Name)
}

func noTerminal(c cardplane.Container) error {
	return apierr.New(apierr.FailedPrecondition, "no_terminal",
		"the process in container %s has no terminal; create it with \"tty\" to give it one", c.Name)
}
