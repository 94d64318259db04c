package reap_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/reap"
)

// TestMain makes this process inherit orphans, as PID 1 does.
func TestMain(m *testing.M) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func running(t *testing.T) *reap.Reaper {
	t.Helper()
	r := reap.New()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func sh(t *testing.T, r *reap.Reaper, script string) *reap.Child {
	t.Helper()
	child, err := r.Start([]string{"/bin/sh", "-c", script}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func TestStatuses(t *testing.T) {
	r := running(t)
	for script, want := range map[string]reap.Status{
		"exit 0":                {},
		"exit 7":                {Code: 7},
		"exit 255":              {Code: 255},
		"kill -TERM $$":         {Code: 143, Signal: 15},
		"kill -KILL $$; exit 1": {Code: 137, Signal: 9},
	} {
		t.Run(script, func(t *testing.T) {
			got, err := sh(t, r, script).Wait(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got.At.IsZero() {
				t.Error("no time")
			}
			got.At = want.At
			if got != want {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestStartFailure(t *testing.T) {
	r := running(t)
	if _, err := r.Start([]string{"/nonexistent"}, &syscall.ProcAttr{}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestSignalAfterExit(t *testing.T) {
	r := running(t)
	child := sh(t, r, "exec sleep 1000")
	if err := child.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := child.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := child.Signal(syscall.SIGTERM); !errors.Is(err, reap.ErrExited) {
		t.Fatalf("got %v", err)
	}
}

// An orphan that ends before anybody has read its pid must not lose its code.
func TestClaimOfAnExitedOrphan(t *testing.T) {
	r := running(t)
	hold := r.Hold()
	defer hold.Release()
	pidFile := filepath.Join(t.TempDir(), "pid")
	// It ends after its launcher, which would otherwise wait for it now and then.
	gate, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	launcher, err := r.Start([]string{"/bin/sh", "-c", "sh -c 'read x <&3; exit 42' & echo $! > " + pidFile},
		&syscall.ProcAttr{Files: []uintptr{0, 1, 2, gate.Fd()}, Env: os.Environ()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := launcher.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = gate.Close(), open.Close()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for !errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		time.Sleep(time.Millisecond)
	}
	child, err := hold.Claim(pid)
	if err != nil {
		t.Fatal(err)
	}
	status, err := child.Wait(t.Context())
	if err != nil || status.Code != 42 {
		t.Fatalf("got %+v, %v", status, err)
	}
	if _, err := hold.Claim(pid); err == nil {
		t.Fatal("a process was claimed twice")
	}
}

// A thousand orphans: none may stay a zombie.
func TestManyOrphans(t *testing.T) {
	r := running(t)
	launcher := sh(t, r, "i=0; while [ $i -lt 1000 ]; do (exit 3) & i=$((i+1)); done")
	if _, err := launcher.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A child is this process's until it is reaped, and no one's after.
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		// Some are left: starting one more gives the reaper time to go on.
		if _, err := sh(t, r, "exit 0").Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
