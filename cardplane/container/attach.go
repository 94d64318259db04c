package container

import (
	"context"
	"io"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// session is an attachment to a container's first process: the output comes
// from the journal, so that it is what the log has, and stdin goes to the
// agent.
type session struct {
	e       *entry
	reader  cardplane.LogReader
	release func()
	feeds   bool // has asked for stdin
	joined  bool // a run was active at the beginning

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu    sync.Mutex
	stdin *guestclient.Stdin
	taken bool // a later session has stdin
}

// Attach implements [cardplane.ContainerService].
func (s *Service) Attach(_ context.Context, ref string, opts cardplane.AttachOptions) (cardplane.Session, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return nil, err
	}
	if opts.Stdin && !e.snapshot().Spec.Stdin {
		return nil, apierr.New(apierr.FailedPrecondition, "stdin_closed",
			"container %s was created without stdin; create it with \"stdin\" to write to it", e.snapshot().Name)
	}
	journal, release, err := e.useJournal()
	if err != nil {
		return nil, err
	}
	reader, err := journal.ReadRun(opts.Replay)
	if err != nil {
		release()
		return nil, err
	}
	_, r := e.active()
	a := &session{e: e, reader: reader, release: release, feeds: opts.Stdin, joined: r != nil}
	a.ctx, a.cancel = context.WithCancel(s.ctx)
	if opts.Stdin {
		e.takeStdin(a)
	}
	return a, nil
}

// takeStdin makes a the only session that may write.
func (e *entry) takeStdin(a *session) {
	e.mu.Lock()
	before := e.stdin
	e.stdin = a
	e.mu.Unlock()
	if before != nil {
		before.loseStdin()
	}
}

func (a *session) loseStdin() {
	a.mu.Lock()
	a.taken = true
	stdin := a.stdin
	a.mu.Unlock()
	if stdin != nil {
		_ = stdin.Close()
	}
}

// Recv implements cardplane.Session.
func (a *session) Recv(ctx context.Context) (cardplane.Output, error) {
	for {
		rec, err := a.reader.Next(ctx)
		if err != nil {
			return cardplane.Output{}, err
		}
		if len(rec.Data) > 0 {
			return cardplane.Output{Stream: rec.Stream, Data: rec.Data}, nil
		}
	}
}

// ExitCode implements cardplane.Session.
func (a *session) ExitCode() (int, error) {
	rec := a.e.record()
	switch {
	case rec.Run.Exit != nil:
		return rec.Run.Exit.Code, nil
	case rec.Container.Error != nil:
		return 0, rec.Container.Error
	}
	return 0, apierr.New(apierr.FailedPrecondition, "no_exit_code", "container %s has not run to its end", rec.Container.Name)
}

// Write implements cardplane.Session.
func (a *session) Write(p []byte) (int, error) {
	stdin, err := a.feeder()
	if err != nil {
		return 0, err
	}
	return stdin.Write(p)
}

// CloseStdin implements cardplane.Session.
func (a *session) CloseStdin() error {
	stdin, err := a.feeder()
	if err != nil {
		return err
	}
	return stdin.CloseWrite()
}

// feeder returns the way to the program's stdin, once the program runs.
func (a *session) feeder() (*guestclient.Stdin, error) {
	if !a.feeds {
		return nil, apierr.New(apierr.FailedPrecondition, "stdin_not_attached", "this attachment has not asked for stdin")
	}
	r, err := a.awaitRun()
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.taken {
		return nil, apierr.New(apierr.FailedPrecondition, "stdin_taken", "a later attachment has taken the program's stdin")
	}
	if a.stdin == nil {
		a.stdin = r.sb.Guest().OpenStdin(r.ctx, guestclient.Process{Container: a.e.id})
	}
	return a.stdin, nil
}

// awaitRun waits for the container's program to run, which may have to be
// started first.
func (a *session) awaitRun() (*run, error) {
	for begun := a.joined; ; {
		a.e.mu.Lock()
		r, over, removed, changed := a.e.run, a.e.overLocked(), a.e.removed, a.e.changed
		a.e.mu.Unlock()
		begun = begun || r != nil
		if removed || begun && over {
			return nil, io.ErrClosedPipe
		}
		if r != nil {
			select {
			case <-r.up:
				return r, nil
			default:
			}
		}
		select {
		case <-a.ctx.Done():
			return nil, io.ErrClosedPipe
		case <-changed:
		case <-upOf(r):
		}
	}
}

// overLocked reports whether the program of the latest run has ended.
func (e *entry) overLocked() bool {
	return e.rec.Run.Exit != nil || e.rec.Container.State.Ended()
}

// upOf returns the channel that tells that r's program runs, nil without one.
func upOf(r *run) <-chan struct{} {
	if r == nil {
		return nil
	}
	return r.up
}

// Resize implements cardplane.Session.
func (a *session) Resize(ctx context.Context, size cardplane.TerminalSize) error {
	return a.e.svc.Resize(ctx, a.e.id, size)
}

// Close implements cardplane.Session.
func (a *session) Close() error {
	a.cancel()
	a.mu.Lock()
	stdin := a.stdin
	a.stdin, a.taken = nil, true
	a.mu.Unlock()
	if stdin != nil {
		_ = stdin.Close()
	}
	a.e.mu.Lock()
	if a.e.stdin == a {
		a.e.stdin = nil
	}
	a.e.mu.Unlock()
	defer a.release()
	return a.reader.Close()
}
