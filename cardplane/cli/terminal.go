package cli

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/cardplane/cardplane/cardplane"
)

// terminal returns the file descriptor behind a stream if it is a terminal.
func terminal(stream any) (fd int, ok bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(file.Fd())
	return fd, term.IsTerminal(fd)
}

// terminalSize returns the size of the user's terminal, zero without one.
func (a *App) terminalSize() cardplane.TerminalSize {
	for _, stream := range []any{a.Out, a.In} {
		fd, ok := terminal(stream)
		if !ok {
			continue
		}
		cols, rows, err := term.GetSize(fd)
		if err == nil && rows > 0 && cols > 0 && rows < 1<<16 && cols < 1<<16 {
			return cardplane.TerminalSize{Rows: uint16(rows), Cols: uint16(cols)}
		}
	}
	return cardplane.TerminalSize{}
}

// checkTerminal refuses to give a program a terminal whose input comes from
// somewhere else.
func (a *App) checkTerminal(stdin, tty bool) error {
	if _, ok := terminal(a.In); stdin && tty && !ok {
		return errors.New("the input device is not a TTY; leave out -t to feed the program from a file or pipe")
	}
	return nil
}

// makeRaw makes the user's terminal pass every key on, and returns how to
// undo that. Without a terminal it does nothing.
func (a *App) makeRaw() (restore func(), err error) {
	fd, ok := terminal(a.In)
	if !ok {
		return func() {}, nil
	}
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() { _ = term.Restore(fd, state) }, nil
}

// input reads a stream until it is stopped, and a read that waits ends then:
// a key pressed after the program's end belongs to the shell.
type input struct {
	source io.Reader
	fd     int // of source, or -1
	wakeR  *os.File
	wakeW  *os.File
}

// newInput prepares to read source. Only a file can be stopped while it waits.
func newInput(source io.Reader) (*input, error) {
	in := &input{source: source, fd: -1}
	file, ok := source.(*os.File)
	if !ok {
		return in, nil
	}
	var err error
	if in.wakeR, in.wakeW, err = os.Pipe(); err != nil {
		return nil, err
	}
	in.fd = int(file.Fd())
	return in, nil
}

// Read reads from the source, or returns io.EOF once stopped.
func (in *input) Read(p []byte) (int, error) {
	if in.fd < 0 {
		return in.source.Read(p)
	}
	for {
		set := []unix.PollFd{{Fd: int32(in.fd), Events: unix.POLLIN}, {Fd: int32(in.wakeR.Fd()), Events: unix.POLLIN}}
		_, err := unix.Poll(set, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, os.NewSyscallError("poll", err)
		case set[1].Revents != 0:
			return 0, errStopped
		default:
			return in.source.Read(p)
		}
	}
}

var errStopped = errors.New("input was stopped")

// stop ends a Read that waits and all later ones.
func (in *input) stop() {
	if in.fd >= 0 {
		_ = in.wakeW.Close()
	}
}

// close releases what newInput made; no Read may be under way.
func (in *input) close() {
	if in.fd >= 0 {
		_ = in.wakeR.Close()
	}
}
