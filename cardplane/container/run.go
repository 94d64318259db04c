package container

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Causes of the end of a run's context, beside sandbox.ErrDetached, which is
// the end of the control plane or of its say over the container.
var (
	errStopped = errors.New("stopped while it was starting")
	errRemoved = errors.New("removed by force")
)

const (
	// drainTimeout bounds the wait for the rest of the output of a program
	// that has ended.
	drainTimeout = 30 * time.Second
	// exitKilled is the exit code of a program that SIGKILL has ended.
	exitKilled = 128 + 9
)

// run is one run of a container, from starting to its end. Its main goroutine
// alone decides.
type run struct {
	e         *entry
	svc       *Service
	log       logrus.FieldLogger
	journal   *logs.Journal
	release   func() // of the journal
	recovered bool   // an earlier process has begun it
	// endedBefore: the program had ended when the control plane was started.
	endedBefore bool

	ctx    context.Context
	cancel context.CancelCauseFunc
	stops  chan stopRequest

	up       chan struct{}    // closed once the program runs; then sb is set
	sb       *sandbox.Sandbox // written before up is closed
	done     chan struct{}    // closed at the run's end
	startErr error            // why up was never closed; written before done is closed

	// unmounted: the guest has left its file systems in order.
	unmounted bool

	seat *machine // that it shares with others; nil where it has its own
	last bool     // it was the last one in it

	net *wiring // of a machine of its own; nil where it shares one

	files *delivery // of configs and secrets

	mounting *task          // the latest change of mounts; guarded by e.mu
	pruned   []string       // execs that the guest has yet to forget; guarded by e.mu
	helpers  sync.WaitGroup // watchers of execs, and freezes
	over     bool           // no more helpers; guarded by e.mu
	freezing sync.Mutex     // held while the guest is told to freeze or thaw
	mu       sync.Mutex
	process  *specs.Process // the first process, once somebody needed it
}

// ending is how a run has come to its end: the program's exit, or else why
// there is none.
type ending struct {
	exit *store.Exit
	err  error
}

// main is the run's goroutine.
func (r *run) main() {
	defer close(r.done)
	defer r.release()
	defer r.endHelpers()
	defer r.cancel(nil)
	if r.net != nil {
		defer r.net.user.close()
	}
	sb, end := r.bringUp()
	if end == nil {
		r.sb = sb
		if r.net != nil {
			r.net.begin(r.recovered)
		}
		// What an earlier process has begun comes before anything new.
		r.resumeExecs()
		r.resumeFreeze()
		r.resumeLimits()
		r.resumeMounting()
		close(r.up)
		end = r.supervise(sb)
	} else {
		r.startErr = end.err
		if detached(r.ctx) {
			r.startErr = shuttingDown()
		}
	}
	if detached(r.ctx) {
		switch {
		case r.seat != nil:
			r.seat.detach(r.e)
		case sb != nil:
			sb.Close()
		}
		return
	}
	r.finish(sb, end)
}

// detached reports whether ctx has ended because the control plane ends, so
// that nothing may be changed any more.
func detached(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), sandbox.ErrDetached)
}

// supervise looks after a program that runs, until it has ended.
func (r *run) supervise(sb *sandbox.Sandbox) *ending {
	ctx, cancel := context.WithCancel(r.ctx)
	var helpers sync.WaitGroup
	defer r.files.end()
	defer helpers.Wait()
	defer cancel()

	drained := r.startPumps(ctx, sb, &helpers)
	exited := make(chan exitResult, 1)
	helpers.Go(func() { exited <- r.awaitExit(ctx, sb) })
	if r.net != nil {
		helpers.Go(func() { r.net.follow(ctx, sb) })
	}
	if spec := r.e.record().Container.Spec; len(spec.Configs)+len(spec.Secrets) > 0 {
		helpers.Go(func() { r.files.follow(ctx, sb) })
	}
	if r.e.record().Container.Spec.Healthcheck.Probes() {
		helpers.Go(func() { r.watchHealth(ctx, sb) })
	}

	escalation := newEscalation(r.e.record().Run.KillAt, r.svc.cfg.KillTimeout)
	defer escalation.stop()
	for {
		hostChanged, away := r.svc.away()
		escalation.heed(away)
		select {
		case <-hostChanged:
		case result := <-exited:
			switch {
			case result.err != nil && r.ctx.Err() != nil:
				return r.interrupted()
			case result.err != nil:
				return r.ended(sb, result.err)
			}
			r.recordExit(result.exit)
			r.drain(sb, drained)
			return &ending{exit: result.exit}
		case <-sb.Lost():
			return r.ended(sb, sb.LostError())
		case req := <-r.stops:
			r.beginStop(req, escalation)
			helpers.Go(func() { r.signal(ctx, sb, req.signal) })
		case <-escalation.timer.C:
			if escalation.killed {
				return r.ended(sb, r.unresponsive())
			}
			escalation.kill()
			r.e.setReason("waiting for the program to end after SIGKILL")
			helpers.Go(func() { r.signal(ctx, sb, sigKill) })
		case <-r.ctx.Done():
			return r.interrupted()
		}
	}
}

func (r *run) unresponsive() *apierr.Error {
	return apierr.New(apierr.Unavailable, "guest_unresponsive",
		"the guest did not kill the program within %s, so its virtual machine was destroyed", r.svc.cfg.KillTimeout)
}

// ended is the ending of a run whose machine is of no more use. The exit that
// may have been recorded before counts more.
func (r *run) ended(sb *sandbox.Sandbox, err error) *ending {
	if exit := r.e.record().Run.Exit; exit != nil {
		return &ending{exit: exit}
	}
	return &ending{err: withEvidence(r.ctx, sb, err)}
}

// withEvidence adds the last console lines to an error that has none.
func withEvidence(ctx context.Context, sb *sandbox.Sandbox, err error) error {
	var e *apierr.Error
	if sb != nil && errors.As(err, &e) && len(e.Evidence) == 0 {
		e.Evidence = sb.Evidence(ctx)
	}
	return err
}

// interrupted is the ending of a run that was told to end at once.
func (r *run) interrupted() *ending {
	if detached(r.ctx) {
		return nil
	}
	if exit := r.e.record().Run.Exit; exit != nil {
		return &ending{exit: exit}
	}
	return &ending{exit: &store.Exit{Code: exitKilled, Signal: sigKill, At: time.Now().UTC()}}
}

// recordExit makes the exit durable. From then on the machine is not needed.
func (r *run) recordExit(exit *store.Exit) {
	r.persist(func(rec *store.Record) {
		rec.Container.State = cardplane.Stopping
		rec.Run.Exit = exit
	})
	r.e.setReason("collecting the last output")
}

// drain waits until the rest of the output is in the journal.
func (r *run) drain(sb *sandbox.Sandbox, drained <-chan struct{}) {
	grace := r.svc.newGrace(sb, drainTimeout)
	if err := grace.wait(r.ctx, drained); err != nil && r.ctx.Err() == nil {
		r.log.WithError(err).Error("the last output of the container is lost")
	}
}

// persist changes the record, again and again until it is durable or the
// control plane ends.
func (r *run) persist(change func(*store.Record), with ...store.Change) {
	r.insist(func() error { return r.e.update(change, with...) })
}

// insist does what makes something durable again and again until that succeeds,
// the container is removed, or the control plane ends.
func (r *run) insist(do func() error) {
	for retry := guestclient.NewBackoff(); ; {
		err := do()
		if err == nil || apierr.Is(err, "container_not_found") {
			return
		}
		r.log.WithError(err).Error("the container's state could not be stored; trying again")
		if retry.Wait(r.svc.ctx) != nil {
			return
		}
	}
}
