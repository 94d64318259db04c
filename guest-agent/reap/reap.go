// Package reap is the one place of the agent that waits for processes. PID 1
// inherits every orphan of the machine, so nothing else may call wait(2): a
// second waiter would steal statuses, and a missing one would leave zombies.
//
// A Reaper starts children of its own and adopts those that a child leaves
// behind. The runtime double-forks, so a container's process may end before
// the agent knows its pid; while a Hold is open the statuses of unknown
// processes are kept, so that such an exit is never lost.
package reap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/timerslack"
)

// ErrExited is returned when a process that has ended is signalled.
var ErrExited = errors.New("process has exited")

// Status is how a process ended.
type Status struct {
	// Code is what it returned, or 128 plus Signal.
	Code int
	// Signal ended it; 0 where none did.
	Signal int
	// At is when the end was seen.
	At time.Time
}

// Reaper waits for all children of this process. Its Run must be running for
// any Child to be seen to end.
type Reaper struct {
	mu sync.Mutex
	// children are those that somebody waits for, by pid.
	children map[int]*Child
	// holds counts open Holds; unclaimed is only filled while there are any.
	holds     int
	unclaimed map[int]Status
}

// New returns a Reaper.
func New() *Reaper {
	return &Reaper{children: map[int]*Child{}, unclaimed: map[int]Status{}}
}

// Run reaps until ctx is done. It must be called once.
func (r *Reaper) Run(ctx context.Context) error {
	sigchld := make(chan os.Signal, 1)
	signal.Notify(sigchld, syscall.SIGCHLD)
	defer signal.Stop(sigchld)
	for {
		if err := r.drain(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-sigchld:
		}
	}
}

// drain reaps every child that has ended.
//
// It looks first, tells the owner, and only then lets the kernel free the
// pid: an owner that has not been told yet can signal the pid and be sure
// that it is no other process's.
func (r *Reaper) drain() error {
	for {
		pid, status, err := peek()
		if err != nil || pid == 0 {
			return err
		}
		r.deliver(pid, status)
		// A fork whose exec failed is reaped by syscall.ForkExec: ECHILD.
		_, err = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECHILD) {
			return fmt.Errorf("wait4 %d: %w", pid, err)
		}
	}
}

func (r *Reaper) deliver(pid int, status Status) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if child, ok := r.children[pid]; ok {
		delete(r.children, pid)
		child.finishLocked(status)
		return
	}
	if r.holds > 0 {
		r.unclaimed[pid] = status
	}
}

// siginfo is siginfo_t as waitid(2) fills it on 64-bit Linux.
type siginfo struct {
	signo, errno, code, _ int32
	pid                   int32
	uid                   uint32
	status                int32
	_                     [100]byte
}

// cldExited is CLD_EXITED: status is the exit code, otherwise a signal.
const cldExited = 1

// peek returns an ended child without reaping it, or pid 0 if there is none.
func peek() (int, Status, error) {
	var info siginfo
	err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	switch {
	case errors.Is(err, unix.ECHILD) || errors.Is(err, unix.EINTR):
		return 0, Status{}, nil
	case err != nil:
		return 0, Status{}, fmt.Errorf("waitid: %w", err)
	}
	status := Status{At: time.Now()}
	if info.code == cldExited {
		status.Code = int(info.status)
	} else {
		status.Signal = int(info.status)
		status.Code = 128 + status.Signal
	}
	return int(info.pid), status, nil
}

// Start runs argv[0], a path, with the given attributes (fork and exec), as
// a child that this Reaper waits for.
func (r *Reaper) Start(argv []string, attr *syscall.ProcAttr) (*Child, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pid int
	err := timerslack.Usual(func() (err error) {
		pid, err = syscall.ForkExec(argv[0], argv, attr)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return r.watchLocked(pid), nil
}

func (r *Reaper) watchLocked(pid int) *Child {
	child := &Child{pid: pid, reaper: r, done: make(chan struct{})}
	r.children[pid] = child
	return child
}

// Hold makes the Reaper keep the statuses of processes that nobody waits for
// yet, until Release.
func (r *Reaper) Hold() *Hold {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds++
	return &Hold{reaper: r}
}

// Hold is an open claim on orphans. See Reaper.Hold.
type Hold struct {
	reaper  *Reaper
	release sync.Once
}

// Claim makes pid a Child. The pid must be that of a process which was alive
// when the Hold was opened, or was started after; if it has ended since, the
// Child is done at once. A pid that is no process is an error: somebody else
// has waited for it.
func (h *Hold) Claim(pid int) (*Child, error) {
	r := h.reaper
	r.mu.Lock()
	defer r.mu.Unlock()
	status, ended := r.unclaimed[pid]
	if !ended && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return nil, fmt.Errorf("process %d has ended and left no status", pid)
	}
	child := r.watchLocked(pid)
	if ended {
		delete(r.unclaimed, pid)
		delete(r.children, pid)
		child.finishLocked(status)
	}
	return child, nil
}

// Release closes the Hold. Statuses that no open Hold can claim are dropped.
// It may be called more than once.
func (h *Hold) Release() {
	h.release.Do(func() {
		r := h.reaper
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.holds--; r.holds == 0 {
			clear(r.unclaimed)
		}
	})
}

// Child is a process that this Reaper waits for.
type Child struct {
	pid    int
	reaper *Reaper
	done   chan struct{}
	// status is written before done is closed, and not after.
	status Status
}

// Pid returns the process id. It is free for other processes once Done is closed.
func (c *Child) Pid() int { return c.pid }

// Done is closed when the process has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Status returns how it ended. It may be called once Done is closed.
func (c *Child) Status() Status { return c.status }

// Wait waits until the process has ended or ctx is done.
func (c *Child) Wait(ctx context.Context) (Status, error) {
	select {
	case <-c.done:
		return c.status, nil
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
}

// Signal sends sig. It never reaches another process than this one; its error
// is ErrExited when this one has ended.
func (c *Child) Signal(sig syscall.Signal) error {
	c.reaper.mu.Lock()
	defer c.reaper.mu.Unlock()
	select {
	case <-c.done:
		return ErrExited
	default:
	}
	if err := unix.Kill(c.pid, sig); err != nil {
		return fmt.Errorf("kill %d with signal %d: %w", c.pid, sig, err)
	}
	return nil
}

// finishLocked is called with the reaper's lock held.
func (c *Child) finishLocked(status Status) {
	c.status = status
	close(c.done)
}
