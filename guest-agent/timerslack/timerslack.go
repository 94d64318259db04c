// Package timerslack lets the kernel put off the timers of this program, so that
// they do not interrupt others.
//
// A thread of Go's runtime, sysmon, sleeps for 20 µs at a time while any goroutine
// runs. On the one processor that most machines have, each of its turns takes the
// processor from crun or from a container: two changes of the address space,
// which cost a translating VMM as much as thousands of instructions, and a
// timer to be set, which is an exit to the hypervisor. Linux may wake a thread
// later than it asked for, by up to its timer slack (prctl(2),
// PR_SET_TIMERSLACK), and so together with something else.
package timerslack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// usual is the slack that Linux gives to programs.
const usual = 50 * time.Microsecond

// Widen gives all threads of this process the slack. Threads to come inherit it,
// and so would children: see Usual. It needs CAP_SYS_NICE and procfs.
func Widen(slack time.Duration) error {
	widened := map[string]bool{}
	for {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		before := len(widened)
		for _, thread := range threads {
			if widened[thread.Name()] {
				continue
			}
			if err := widen(thread.Name(), slack); err != nil {
				return err
			}
			widened[thread.Name()] = true
		}
		// A thread that was not widened yet may have started another one.
		if len(widened) == before {
			return nil
		}
	}
}

// widen gives a thread the slack, unless it has ended. procfs has the file for
// processes, and shows a thread's under its own id though it does not list it.
func widen(thread string, slack time.Duration) error {
	text := strconv.AppendInt(nil, slack.Nanoseconds(), 10)
	err := os.WriteFile(filepath.Join("/proc", thread, "timerslack_ns"), text, 0)
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return fmt.Errorf("timer slack of thread %s: %w", thread, err)
}

// Usual calls start on a thread of the usual slack, which a child that it
// starts inherits. It returns start's error.
func Usual(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("timer slack: %w", err)
	}
	if err := set(int64(usual)); err != nil {
		return err
	}
	return errors.Join(start(), set(int64(slack)))
}

// set sets the calling thread's slack, in nanoseconds.
func set(slack int64) error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0); err != nil {
		return fmt.Errorf("timer slack of %d ns: %w", slack, err)
	}
	return nil
}
