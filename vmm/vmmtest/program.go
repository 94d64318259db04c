package vmmtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm"
)

// StartProgram returns a Subject's Start for a program with Cloud
// Hypervisor's command line. It is killed at the end of the test.
func StartProgram(binary string, args ...string) func(testing.TB, StartOptions) Process {
	return func(t testing.TB, opts StartOptions) Process {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Close() }()
		argv := append([]string{"--api-socket", "path=" + opts.Socket, "--event-monitor", "fd=3", "-v"}, args...)
		if opts.NoShutdown {
			argv = append(argv, "--no-shutdown")
		}
		p := &program{t: t, cmd: exec.Command(binary, argv...), events: vmm.NewEventDecoder(r), exited: make(chan struct{})}
		p.cmd.ExtraFiles = []*os.File{w}
		p.cmd.Stderr = &p.stderr
		if err := p.cmd.Start(); err != nil {
			t.Fatalf("start %s: %v", binary, err)
		}
		go func() {
			defer close(p.exited)
			_ = p.cmd.Wait() // the code is in ProcessState
		}()
		t.Cleanup(func() {
			p.Kill()
			_ = r.Close()
			if t.Failed() {
				t.Logf("%s\n%s", strings.Join(p.cmd.Args, " "), p.stderr.String())
			}
		})
		return p
	}
}

type program struct {
	t      testing.TB
	cmd    *exec.Cmd
	stderr strings.Builder
	events *vmm.EventDecoder
	exited chan struct{}
}

// Events implements [Process].
func (p *program) Events() *vmm.EventDecoder { return p.events }

// Terminate implements [Process].
func (p *program) Terminate() { _ = p.cmd.Process.Signal(syscall.SIGTERM) }

// Wait implements [Process].
func (p *program) Wait(ctx context.Context) (int, error) {
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Kill implements [Process].
func (p *program) Kill() {
	select {
	case <-p.exited:
		return
	default:
	}
	children := openChildren(p.cmd.Process.Pid)
	_ = p.cmd.Process.Kill()
	<-p.exited
	for pid, fd := range children {
		if err := awaitEnd(fd); err != nil {
			p.t.Errorf("child %d of %s outlives it: %v", pid, p.cmd.Path, err)
		}
		_ = unix.Close(fd)
	}
}

// openChildren returns descriptors (pidfd_open(2)) of pid's children, of
// whichever thread.
func openChildren(pid int) map[int]int {
	out := map[int]int{}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, word := range strings.Fields(string(text)) {
			child, _ := strconv.Atoi(word)
			if fd, err := unix.PidfdOpen(child, 0); err == nil {
				out[child] = fd
			}
		}
	}
	return out
}

// awaitEnd waits for the end of the process behind a pidfd.
func awaitEnd(fd int) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = context.DeadlineExceeded
		}
		return err
	}
}
