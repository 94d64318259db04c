package stdio

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// Options describe the streams of a process.
type Options struct {
	// Terminal: one terminal takes the place of the three streams.
	Terminal bool
	// StdinOpen: there is an Input; otherwise the program reads /dev/null.
	StdinOpen bool
	// Limit bounds the unacknowledged bytes kept of each output, in bytes.
	Limit int64
	// WhenFull is what an output does at that bound.
	WhenFull WhenFull
	// News, unless nil, is called when an output has its first byte and when
	// one has ended. It must not block or call the output.
	News func()
}

// Streams are the standard streams of one process, with the goroutines that
// pump its output.
type Streams struct {
	// Stdout is also what a terminal prints.
	Stdout *Output
	// Stderr has ended from the start where there is a terminal.
	Stderr *Output

	log   logrus.FieldLogger
	opts  Options
	child [3]*os.File
	pumps sync.WaitGroup

	mu       sync.Mutex
	stdin    *Input
	terminal *os.File
	own      []*os.File // closed by Close
	closed   bool
}

// Open makes the streams of a process that is about to be started. The caller
// starts it with ChildFiles, then calls CloseChildFiles, and SetTerminal if a
// terminal was asked for.
func Open(log logrus.FieldLogger, pool *Pool, opts Options) (*Streams, error) {
	s := &Streams{
		log:    log,
		opts:   opts,
		Stdout: NewOutput(pool, opts.Limit, opts.WhenFull),
		Stderr: NewOutput(pool, opts.Limit, opts.WhenFull),
	}
	if opts.News != nil {
		s.Stdout.news, s.Stderr.news = opts.News, opts.News
	}
	if err := s.open(); err != nil {
		s.CloseChildFiles()
		s.Close()
		return nil, fmt.Errorf("open standard streams: %w", err)
	}
	return s, nil
}

func (s *Streams) open() (err error) {
	if s.opts.Terminal || !s.opts.StdinOpen {
		if s.child[0], err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
			return err
		}
	}
	if s.opts.Terminal {
		s.child[1], s.child[2] = s.child[0], s.child[0]
		s.Stderr.end()
		return nil
	}
	if s.opts.StdinOpen {
		var w *os.File
		if s.child[0], w, err = os.Pipe(); err != nil {
			return err
		}
		s.stdin = NewInput(w, false)
	}
	for i, out := range []*Output{s.Stdout, s.Stderr} {
		var r *os.File
		if r, s.child[1+i], err = os.Pipe(); err != nil {
			return err
		}
		widen(r)
		s.own = append(s.own, r)
		s.pump(out, r)
	}
	return nil
}

func (s *Streams) pump(out *Output, f *os.File) {
	s.pumps.Go(func() {
		if err := out.Pump(f); err != nil {
			s.log.WithError(err).Error("output lost")
		}
	})
}

// ChildFiles returns what the process gets as descriptors 0, 1 and 2. With a
// terminal all are /dev/null, for the runtime that makes it.
func (s *Streams) ChildFiles() [3]*os.File { return s.child }

// CloseChildFiles closes this side's copies of ChildFiles, after the process
// was started or not.
func (s *Streams) CloseChildFiles() {
	for i, f := range s.child {
		if f != nil {
			_ = f.Close() // a second Close of the same file does nothing
		}
		s.child[i] = nil
	}
}

// SetTerminal takes over master, a terminal's master side. It must be
// non-blocking.
func (s *Streams) SetTerminal(master *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.terminal != nil {
		_ = master.Close()
		return
	}
	s.terminal = master
	s.own = append(s.own, master)
	if s.opts.StdinOpen {
		s.stdin = NewInput(master, true)
	}
	s.pump(s.Stdout, master)
}

// Stdin returns the Input, nil where there is none.
func (s *Streams) Stdin() *Input {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stdin
}

// HasTerminal reports whether the process was to get a terminal.
func (s *Streams) HasTerminal() bool { return s.opts.Terminal }

// ErrNoTerminal is returned by Resize where there is no terminal.
var ErrNoTerminal = errors.New("the process has no terminal")

// Resize sets the terminal's size, in characters.
func (s *Streams) Resize(rows, cols uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal == nil || s.closed {
		return ErrNoTerminal
	}
	raw, err := s.terminal.SyscallConn()
	if err != nil {
		return fmt.Errorf("resize terminal: %w", err)
	}
	var ioctlErr error
	err = raw.Control(func(fd uintptr) {
		ioctlErr = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
	if err = errors.Join(err, ioctlErr); err != nil {
		return fmt.Errorf("resize terminal: %w", err)
	}
	return nil
}

// ProcessExited closes the input: nobody reads it any more.
func (s *Streams) ProcessExited() {
	if in := s.Stdin(); in != nil {
		in.Close()
	}
}

// Close frees everything, ends all connections, and waits for the pumps.
func (s *Streams) Close() {
	s.Stdout.Close()
	s.Stderr.Close()
	s.mu.Lock()
	s.closed = true
	for _, f := range s.own {
		_ = f.Close()
	}
	if s.stdin != nil {
		s.stdin.Close()
	}
	s.mu.Unlock()
	s.pumps.Wait()
}
