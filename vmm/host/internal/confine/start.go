package confine

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Start starts cmd under policy, with no new privileges. policy may be nil
// and abi zero: then it reaches what its user may.
//
// A thread's confinement passes to the processes that it starts. So cmd is
// started from a thread that is confined for it, and that ends with it.
func Start(cmd *exec.Cmd, policy *Policy, abi int) error {
	return OnThread(func() error { return start(cmd, policy, abi) })
}

// OnThread calls f on a thread that ends with it, so that what f does to its
// thread is done to nothing else.
func OnThread(f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		if unix.Gettid() != unix.Getpid() {
			result <- f()
			return
		}
		// The main thread cannot end. While it is held, f gets another.
		result <- OnThread(f)
		runtime.UnlockOSThread()
	}()
	return <-result
}

func start(cmd *exec.Cmd, policy *Policy, abi int) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if policy != nil && abi > 0 {
		if err := policy.restrict(abi); err != nil {
			return err
		}
	}
	return cmd.Start()
}
