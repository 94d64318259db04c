package container

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// execSession is an attachment to an exec. Its output comes from the agent's
// buffer, and is acknowledged once the receiver has it.
type execSession struct {
	e       *entry
	x       *exec
	ctx     context.Context // ends with Close, or with the run
	cancel  context.CancelFunc
	work    sync.WaitGroup
	pieces  chan execPiece
	drained chan struct{} // closed when all output was taken
	taken   chan struct{} // of the piece that Recv has returned

	mu    sync.Mutex
	stdin *guestclient.Stdin
}

type execPiece struct {
	output cardplane.Output
	taken  chan struct{} // closed when the receiver is done with it
}

func newExecSession(e *entry, x *exec) *execSession {
	a := &execSession{e: e, x: x, pieces: make(chan execPiece), drained: make(chan struct{})}
	a.ctx, a.cancel = context.WithCancel(x.run.ctx)
	streams := []cardplane.Stream{cardplane.Stdout, cardplane.Stderr}
	if x.spec.TTY {
		streams = streams[:1]
	}
	var readers sync.WaitGroup
	for _, stream := range streams {
		readers.Go(func() { a.read(stream) })
	}
	a.work.Go(func() {
		readers.Wait()
		close(a.drained)
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	x.sessions[a] = true
	return a
}

// read hands one stream to the receiver, over as many connections as it takes.
func (a *execSession) read(stream cardplane.Stream) {
	if !a.awaitOutput(a.ctx, stream) {
		return
	}
	// Asking for the start gives what no earlier attachment has taken.
	offset := int64(0)
	for retry := guestclient.NewBackoff(); ; {
		err := a.readOnce(stream, &offset, retry)
		if errors.Is(err, io.EOF) || guestclient.Permanent(err) || retry.Wait(a.ctx) != nil {
			return
		}
	}
}

func (a *execSession) readOnce(stream cardplane.Stream, offset *int64, retry *guestclient.Backoff) error {
	out, err := a.x.run.sb.Guest().OpenOutput(a.ctx,
		guestclient.Process{Container: a.e.id, Exec: a.x.info.ID}, string(stream), *offset)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()
	for {
		piece, err := out.Next()
		if err != nil {
			return err
		}
		if len(piece.Data) > 0 && !a.hand(cardplane.Output{Stream: stream, Data: piece.Data}) {
			return a.ctx.Err()
		}
		*offset += piece.Lost + int64(len(piece.Data))
		retry.Reset()
		if err := out.AckNow(); err != nil {
			return err
		}
	}
}

// hand gives a piece to Recv and returns when the receiver is done with it.
func (a *execSession) hand(output cardplane.Output) bool {
	piece := execPiece{output: output, taken: make(chan struct{})}
	select {
	case a.pieces <- piece:
	case <-a.ctx.Done():
		return false
	}
	select {
	case <-piece.taken:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// Recv implements cardplane.Session.
func (a *execSession) Recv(ctx context.Context) (cardplane.Output, error) {
	if a.taken != nil {
		close(a.taken)
		a.taken = nil
	}
	select {
	case piece := <-a.pieces:
		a.taken = piece.taken
		return piece.output, nil
	case <-a.drained:
	case <-ctx.Done():
		return cardplane.Output{}, ctx.Err()
	}
	select {
	case <-a.x.done:
		return cardplane.Output{}, io.EOF
	case <-ctx.Done():
		return cardplane.Output{}, ctx.Err()
	}
}

// ExitCode implements cardplane.Session.
func (a *execSession) ExitCode() (int, error) {
	a.e.mu.Lock()
	defer a.e.mu.Unlock()
	switch {
	case a.x.info.Running:
		return 0, apierr.New(apierr.FailedPrecondition, "no_exit_code", "exec %s is still running", a.x.info.ID)
	case a.x.lost:
		return 0, apierr.New(apierr.FailedPrecondition, "container_not_running",
			"container %s ended before exec %s did", a.e.rec.Container.Name, a.x.info.ID)
	}
	return a.x.info.ExitCode, nil
}

// Write implements cardplane.Session.
func (a *execSession) Write(p []byte) (int, error) {
	stdin, err := a.feeder()
	if err != nil {
		return 0, err
	}
	return stdin.Write(p)
}

// CloseStdin implements cardplane.Session.
func (a *execSession) CloseStdin() error {
	stdin, err := a.feeder()
	if err != nil {
		return err
	}
	return stdin.CloseWrite()
}

// feeder returns the way to the process's stdin.
func (a *execSession) feeder() (*guestclient.Stdin, error) {
	select {
	case <-a.x.done:
		return nil, io.ErrClosedPipe
	case <-a.ctx.Done():
		return nil, io.ErrClosedPipe
	default:
	}
	if !a.x.spec.Stdin {
		return nil, apierr.New(apierr.FailedPrecondition, "stdin_closed",
			"exec %s was created without stdin; create it with \"stdin\" to write to it", a.x.info.ID)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stdin == nil {
		a.stdin = a.x.run.sb.Guest().OpenStdin(a.ctx, guestclient.Process{Container: a.e.id, Exec: a.x.info.ID})
	}
	return a.stdin, nil
}

// Resize implements cardplane.Session.
func (a *execSession) Resize(ctx context.Context, size cardplane.TerminalSize) error {
	return a.e.svc.ResizeExec(ctx, a.e.id, a.x.info.ID, size)
}

// Close implements cardplane.Session.
func (a *execSession) Close() error {
	a.cancel()
	a.mu.Lock()
	stdin := a.stdin
	a.mu.Unlock()
	if stdin != nil {
		_ = stdin.Close()
	}
	a.work.Wait()
	a.e.mu.Lock()
	defer a.e.mu.Unlock()
	delete(a.x.sessions, a)
	return nil
}
