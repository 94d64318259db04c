package container

import (
	"context"
	"errors"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// reasonHostAway is the reason of every active container while the link to the
// compute host is down. Its state is the last that was known.
const reasonHostAway = "waiting for the compute host"

// away returns why the compute host cannot be reached, nil while it can, and
// a channel that is closed when that changes.
func (s *Service) away() (changed <-chan struct{}, err error) {
	return s.cfg.Sandboxes.Host().Away()
}

// reach calls do, which is idempotent, until the guest of sb has answered it:
// a link that is cut is waited for, for at most patience.
func (s *Service) reach(ctx context.Context, sb *sandbox.Sandbox, patience time.Duration, do func(context.Context) error) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for retry := guestclient.NewBackoff(); ; {
		err := do(ctx)
		if !apierr.Is(err, guestclient.CodeUnreachable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-sb.Lost():
			return sb.LostError()
		case <-late.C:
			if _, away := s.away(); away != nil {
				return sandbox.Explain(away)
			}
			return err
		default:
		}
		if retry.Wait(ctx) != nil {
			return err
		}
	}
}

// serving returns a ctx that ends when the service does, with the cause
// sandbox.ErrDetached, and before when ctx does or end is called.
func (s *Service) serving(ctx context.Context) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(sandbox.ErrDetached) })
	return ctx, func() { stop(); cancel(nil) }
}

// whileServing waits for done, and no longer than the service serves.
func (s *Service) whileServing(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ctx.Done():
		return shuttingDown()
	case <-done:
		return nil
	}
}

// whileReached waits for done, and no longer than the service's reachTimeout
// for a host that is away.
func (s *Service) whileReached(ctx context.Context, done <-chan struct{}) error {
	late := time.NewTimer(s.cfg.ReachTimeout)
	defer late.Stop()
	for {
		changed, away := s.away()
		if away == nil {
			late.Stop()
		}
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return shuttingDown()
		case <-late.C:
			return sandbox.Explain(away)
		case <-changed:
			late.Reset(s.cfg.ReachTimeout)
		}
	}
}

// grace bounds waits for something in a guest. Time in which the host is away
// does not count.
type grace struct {
	svc   *Service
	sb    *sandbox.Sandbox
	limit time.Duration
	timer *time.Timer
}

// Why a grace has ended before what it waited for.
var (
	errLate = errors.New("it did not arrive in time")
	errGone = errors.New("the virtual machine is lost")
)

func (s *Service) newGrace(sb *sandbox.Sandbox, limit time.Duration) *grace {
	return &grace{svc: s, sb: sb, limit: limit, timer: time.NewTimer(limit)}
}

// wait returns nil once done is closed. After an error the grace is over.
func (g *grace) wait(ctx context.Context, done <-chan struct{}) error {
	for {
		changed, away := g.svc.away()
		if away != nil {
			g.timer.Stop()
		}
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-g.sb.Lost():
			return errGone
		case <-g.timer.C:
			return errLate
		case <-changed:
			g.timer.Reset(g.limit)
		}
	}
}

// keep has sync make something as it should be, until ctx ends: at once, whenever
// changed rings, and whenever the host is away or back, and after an error until it
// succeeds.
func (s *Service) keep(ctx context.Context, changed *bell, sync func(away bool) error) {
	for retry := guestclient.NewBackoff(); ; {
		rings := changed.wait()
		hostChanged, away := s.away()
		if sync(away != nil) != nil {
			if retry.Wait(ctx) != nil {
				return
			}
			continue
		}
		retry.Reset()
		select {
		case <-ctx.Done():
			return
		case <-rings:
		case <-hostChanged:
		}
	}
}
