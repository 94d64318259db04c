package container

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// process is what a container's own process and an exec have in common.
type process struct {
	// name is how messages call it: `container "c1"`.
	name string
	// config is what it was made from; another request for the same must
	// equal it.
	config  any
	streams *stdio.Streams
	// news announces first bytes and ends of outputs, and the end.
	news *news
	// ready is closed when the start has succeeded or failed.
	ready chan struct{}
	// exited is closed after the end was recorded.
	exited chan struct{}

	mu                    sync.Mutex
	startErr              error
	handle                Process
	startedAt             time.Time
	exit                  *Exit
	oomKilled, oomAtLimit bool
	deleting              bool
}

func newProcess(name string, config any, streams *stdio.Streams, news *news) *process {
	return &process{name: name, config: config, streams: streams, news: news, ready: make(chan struct{}), exited: make(chan struct{})}
}

// io returns what the runtime gives to the process.
func (p *process) io() IO {
	head := p.streams.Stderr.Head
	if p.streams.HasTerminal() {
		head = p.streams.Stdout.Head
	}
	return IO{
		Files:      p.streams.ChildFiles(),
		Terminal:   p.streams.HasTerminal(),
		OnTerminal: p.streams.SetTerminal,
		Head:       head,
	}
}

// started records the result of the start.
func (p *process) started(handle Process, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle, p.startErr, p.startedAt = handle, err, time.Now()
	close(p.ready)
}

// ended records the end.
func (p *process) ended(exit Exit, oomKilled, oomAtLimit bool) {
	p.streams.ProcessExited()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exit, p.oomKilled, p.oomAtLimit = &exit, oomKilled, oomAtLimit
	close(p.exited)
	p.news.announce()
}

// awaitStart waits for the start and returns its error.
func (p *process) awaitStart(ctx context.Context) error {
	select {
	case <-p.ready:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.startErr
	case <-ctx.Done():
		return apierr.New(apierr.Unavailable, "timeout", "%s is still being started: %w", p.name, ctx.Err())
	}
}

// awaitExit waits for the end, no longer than ctx.
func (p *process) awaitExit(ctx context.Context) {
	select {
	case <-p.exited:
	case <-ctx.Done():
	}
}

// running returns the handle of a process that runs.
func (p *process) running() (Process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.handle == nil:
		return nil, notRunning(p.name, "is not started yet")
	case p.exit != nil || p.deleting:
		return nil, notRunning(p.name, "has exited")
	}
	return p.handle, nil
}

func notRunning(name, why string) error {
	return apierr.New(apierr.FailedPrecondition, "container_not_running", "%s %s", name, why)
}

func (p *process) signal(sig syscall.Signal) error {
	handle, err := p.running()
	if err != nil {
		return err
	}
	if err := handle.Signal(sig); err != nil {
		select {
		case <-handle.Done():
			return notRunning(p.name, "has exited")
		default:
			return err
		}
	}
	return nil
}

func (p *process) resize(size guestapi.TerminalSize) error {
	if _, err := p.running(); err != nil {
		return err
	}
	if !inUint16(size.Rows) || !inUint16(size.Cols) {
		return apierr.New(apierr.InvalidArgument, "invalid_config", "a terminal cannot have %d rows and %d columns; use 0 to 65535", size.Rows, size.Cols)
	}
	err := p.streams.Resize(uint16(size.Rows), uint16(size.Cols))
	if errors.Is(err, stdio.ErrNoTerminal) {
		return apierr.New(apierr.FailedPrecondition, "not_a_terminal", "%s was started without a terminal", p.name)
	}
	return err
}

func inUint16(n int) bool { return n >= 0 && n <= 0xffff }

// beginDelete marks the process as going away, so that no second delete and
// nothing new begins. The caller must call abortDelete if it fails.
func (p *process) beginDelete() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deleting {
		return apierr.New(apierr.FailedPrecondition, "container_busy", "%s is being deleted by another request", p.name)
	}
	p.deleting = true
	return nil
}

func (p *process) abortDelete() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deleting = false
}

func (p *process) isDeleting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.deleting
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// snapshot returns the members that containers and execs have in common.
func (p *process) snapshot() guestapi.Container {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := guestapi.Container{
		State:  guestapi.StateCreated,
		Stdout: outputState(p.streams.Stdout),
		Stderr: outputState(p.streams.Stderr),
	}
	if p.handle != nil {
		out.State, out.Pid, out.StartedAt = guestapi.StateRunning, p.handle.Pid(), p.startedAt
	}
	if p.exit != nil {
		out.State, out.FinishedAt = guestapi.StateExited, p.exit.At
		out.ExitCode, out.Signal = p.exit.Code, p.exit.Signal
		out.OomKilled, out.OomAtLimit = p.oomKilled, p.oomAtLimit
	}
	return out
}

func outputState(o *stdio.Output) guestapi.Output {
	s := o.Status()
	return guestapi.Output{Written: s.Written, Acknowledged: s.Oldest, Dropped: s.Dropped, Ended: s.Ended}
}
