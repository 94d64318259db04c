package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane"
)

// signalQueue is how many signals may wait to be passed on.
const signalQueue = 16

// attachment joins the user's streams, terminal and signals to a session.
type attachment struct {
	app     *App
	session cardplane.Session
	// stdin sends the user's input; tty treats it as keys.
	stdin, tty bool
	detachKeys []byte
	// forward passes a signal on to the program; nil means that signals end
	// cardctl as usual.
	forward func(ctx context.Context, signal string) error
	// begun is closed once the program runs; signals wait for it.
	begun <-chan struct{}

	received map[cardplane.Stream]int64 // bytes of output so far
	helpers  sync.WaitGroup
}

// run copies until the program ends, and returns its exit code, or until the
// user detaches, which is errDetached.
func (at *attachment) run(ctx context.Context) (int, error) {
	at.received = make(map[cardplane.Stream]int64)
	if at.tty && at.stdin {
		restore, err := at.app.makeRaw()
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	// Helpers end when the context does and the session is closed.
	defer at.helpers.Wait()
	defer cancel(nil)
	defer func() { _ = at.session.Close() }()
	at.passSignals(ctx)
	if at.stdin {
		stop, err := at.sendInput(cancel)
		if err != nil {
			return 0, err
		}
		defer stop()
	}
	return at.receive(ctx)
}

// receive copies the program's output to the user.
func (at *attachment) receive(ctx context.Context) (int, error) {
	for {
		output, err := at.session.Recv(ctx)
		if errors.Is(err, io.EOF) {
			return at.session.ExitCode()
		}
		if err != nil {
			return 0, err
		}
		at.received[output.Stream] += int64(len(output.Data))
		if err := at.app.writeOutput(output.Stream, output.Data); err != nil {
			return 0, err
		}
	}
}

// writeOutput writes a program's output to the stream it belongs to.
func (a *App) writeOutput(stream cardplane.Stream, data []byte) error {
	w := a.Out
	if stream == cardplane.Stderr {
		w = a.Err
	}
	_, err := w.Write(data)
	return err
}

// sendInput copies the user's input to the program. The end of the input ends
// the program's, and the detach keys end the attachment.
func (at *attachment) sendInput(detach context.CancelCauseFunc) (stop func(), err error) {
	in, err := newInput(at.app.In)
	if err != nil {
		return nil, err
	}
	var source io.Reader = in
	if at.tty {
		source = &detachReader{source: in, keys: at.detachKeys}
	}
	copied := make(chan struct{})
	at.helpers.Go(func() {
		defer close(copied)
		_, err := io.Copy(at.session, source)
		switch {
		case errors.Is(err, errDetached):
			detach(errDetached)
		case err == nil:
			// The program may have ended first.
			_ = at.session.CloseStdin()
		}
	})
	return func() {
		in.stop()
		_ = at.session.Close()
		<-copied
		in.close()
	}, nil
}

// passSignals gives signals to the program and the terminal's size to its
// terminal, in order, without holding up the router.
func (at *attachment) passSignals(ctx context.Context) {
	if at.forward == nil && !at.tty {
		return
	}
	queue := make(chan os.Signal, signalQueue)
	release := at.app.signals.take(func(sig os.Signal) {
		select {
		case queue <- sig:
		default:
		}
	})
	at.helpers.Go(func() {
		defer release()
		select {
		case <-at.begun:
		case <-ctx.Done():
			return
		}
		if at.tty {
			// The terminal may have changed since the size was last told.
			_ = at.passSignal(ctx, syscall.SIGWINCH)
		}
		for {
			select {
			case <-ctx.Done():
				return
			case sig := <-queue:
				if err := at.passSignal(ctx, sig); err != nil && ctx.Err() == nil {
					at.app.printError(fmt.Errorf("signal %s was not passed on: %w", sig, err))
				}
			}
		}
	})
}

func (at *attachment) passSignal(ctx context.Context, sig os.Signal) error {
	number, ok := sig.(syscall.Signal)
	switch {
	case !ok:
		return nil
	case number == syscall.SIGWINCH:
		if size := at.app.terminalSize(); at.tty && size.Rows > 0 {
			return at.session.Resize(ctx, size)
		}
		return nil
	case at.forward == nil:
		return nil
	}
	return at.forward(ctx, unix.SignalName(number))
}
