package cardplanetest

import (
	"context"
	"io"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// Program is what a container or an exec runs.
type Program struct {
	// Run returns the exit code. It has to return soon after p's context is
	// done. A nil Run is a file that is not executable.
	Run func(p *Process) int
	// Traps are the signals that Run gets by Process.Signals. Any other ends
	// the program with 128+n.
	Traps []int
}

// stdinBuffer is the capacity of a process's stdin in bytes.
const stdinBuffer = 64 << 10

// Process is a running program's view of itself.
type Process struct {
	// Args are the program's arguments, without its name.
	Args []string
	// Env is the environment.
	Env map[string]string
	// Stdin, Stdout and Stderr are the streams.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals delivers the signals that the program traps.
	Signals <-chan int

	ctx     context.Context
	process *process
}

// Context is done when the program is killed.
func (p *Process) Context() context.Context { return p.ctx }

// Size returns the size of the terminal.
func (p *Process) Size() cardplane.TerminalSize {
	p.process.m.mu.Lock()
	defer p.process.m.mu.Unlock()
	return p.process.size
}

// process is a program that runs or has ended. All but the constant fields
// are guarded by Memory.mu.
type process struct {
	m       *Memory
	ctx     context.Context
	cancel  context.CancelFunc
	program Program
	signals chan int
	tty     bool
	journal func(stream cardplane.Stream, data []byte) // called with the lock held; may be nil

	output   []cardplane.Output
	taken    int // outputs that some attachment to an exec has had
	stdin    []byte
	stdinEOF bool
	owner    *session // who may write to stdin
	size     cardplane.TerminalSize
	forced   *int // exit code that a signal decided
	ended    bool
	exitCode int
}

type launch struct {
	argv  []string
	env   map[string]string
	tty   bool
	stdin bool
	size  cardplane.TerminalSize
	// journal records output; exited is called once, with the lock held,
	// when the program has ended.
	journal func(cardplane.Stream, []byte)
	exited  func(code int)
}

// launchLocked runs a program in a goroutine that Close waits for.
func (m *Memory) launchLocked(program Program, l launch) *process {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{
		m: m, ctx: ctx, cancel: cancel, program: program, signals: make(chan int, 16), tty: l.tty,
		journal: l.journal, stdinEOF: !l.stdin, size: l.size,
	}
	if p.size == (cardplane.TerminalSize{}) {
		p.size = cardplane.TerminalSize{Rows: 24, Cols: 80}
	}
	view := &Process{
		Args: l.argv[1:], Env: l.env, Stdin: stdinReader{p}, Stdout: outputWriter{p, cardplane.Stdout},
		Stderr: outputWriter{p, cardplane.Stderr}, Signals: p.signals, ctx: ctx, process: p,
	}
	m.running.Go(func() {
		defer cancel()
		code := program.Run(view)
		m.mu.Lock()
		defer m.mu.Unlock()
		p.ended, p.exitCode = true, code
		if p.forced != nil {
			p.exitCode = *p.forced
		}
		l.exited(p.exitCode)
		m.notifyLocked()
	})
	return p
}

// endLocked ends the program with code unless it has already ended.
func (p *process) endLocked(code int) {
	if p.ended || p.forced != nil {
		return
	}
	p.forced = &code
	p.cancel()
}

// signalLocked delivers signal n.
func (p *process) signalLocked(n int) {
	for _, trapped := range p.program.Traps {
		if n == trapped && n != sigkill {
			select {
			case p.signals <- n:
			default:
			}
			return
		}
	}
	if n != sigwinch && n != sigcont && n != 0 {
		p.endLocked(signalExit(n))
	}
}

// stdinReader is the program's end of its stdin.
type stdinReader struct{ *process }

func (r stdinReader) Read(buf []byte) (int, error) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if err := r.m.untilLocked(r.ctx, func() bool { return len(r.stdin) > 0 || r.stdinEOF }); err != nil {
		return 0, err
	}
	if len(r.stdin) == 0 {
		return 0, io.EOF
	}
	n := copy(buf, r.stdin)
	r.stdin = r.stdin[n:]
	r.m.notifyLocked()
	return n, nil
}

// outputWriter is the program's end of an output stream.
type outputWriter struct {
	*process
	stream cardplane.Stream
}

func (w outputWriter) Write(data []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	stream := w.stream
	if w.tty {
		stream = cardplane.Stdout
	}
	kept := append([]byte(nil), data...)
	w.output = append(w.output, cardplane.Output{Stream: stream, Data: kept})
	if w.journal != nil {
		w.journal(stream, kept)
	}
	w.m.notifyLocked()
	return len(data), nil
}

// pause waits for d or the program's end and reports whether it was d.
func (p *Process) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}
