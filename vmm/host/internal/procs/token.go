package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Token is an entry "NAME=value" in the environment of a process and so, in
// the usual case, of all its descendants. It finds processes whose pid was
// never learnt, and the children that a dead process has left.
type Token string

// A process that executes its program has no environment for a moment, after
// whoever started it was told of the success.
const (
	settlePause = 5 * time.Millisecond
	settleTries = 20
	// youngTicks is the age up to which a process may be in that moment, in
	// clock ticks, of which there are 100 a second (USER_HZ).
	youngTicks = 200
)

// Find returns the processes that carry the token, this one excepted.
// Processes that end meanwhile and those whose environment may not be read
// are left out. It waits for those that are just being executed.
func (t Token) Find() ([]Ident, error) {
	for try := 0; ; try++ {
		found, settled, err := t.scan()
		if err != nil || settled || try == settleTries {
			return found, err
		}
		time.Sleep(settlePause)
	}
}

// scan looks at all processes once. settled tells that none of them is just
// being executed.
func (t Token) scan() (found []Ident, settled bool, err error) {
	settled = true
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, false, err
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close()
	if err != nil {
		return nil, false, fmt.Errorf("list processes: %w", err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == os.Getpid() {
			continue
		}
		id, err := Of(pid)
		if err != nil {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		switch {
		case err != nil:
		case t.in(env):
			found = append(found, id)
		case len(env) == 0 && id.young() && hasProgram(pid):
			settled = false
		}
	}
	return found, settled, nil
}

// young reports whether the process was started not long ago.
func (id Ident) young() bool {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return false
	}
	return uint64(now.Nano())/uint64(time.Second/100) < id.Start+youngTicks
}

// hasProgram reports whether the process runs a program, which the kernel's
// own and those that are ending do not.
func hasProgram(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil
}

// in reports whether the environment has the token.
func (t Token) in(env []byte) bool {
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if string(entry) == string(t) {
			return true
		}
	}
	return false
}

// KillAll sends SIGKILL to every process that carries the token until none
// is left, and returns when all have ended or ctx is done.
func (t Token) KillAll(ctx context.Context) error {
	for {
		found, err := t.Find()
		if err != nil || len(found) == 0 {
			return err
		}
		for _, id := range found {
			if err := kill(ctx, id); err != nil {
				return fmt.Errorf("kill pid %d: %w", id.PID, err)
			}
		}
	}
}

func kill(ctx context.Context, id Ident) error {
	h, err := Open(id)
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	if err := h.Signal(unix.SIGKILL); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	return h.Wait(ctx)
}
