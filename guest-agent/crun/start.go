package crun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/reap"
)

const (
	// maxHead is how many bytes of a dead process's output are looked at for
	// crun's message, in bytes.
	maxHead = 4 << 10
	// headTimeout bounds the wait for the output of a process that has died.
	headTimeout = 2 * time.Second
	// consoleTimeout bounds the wait for a terminal after crun has reported
	// success, at which time it was sent.
	consoleTimeout = 5 * time.Second
)

// start is one start of a process by crun.
type start struct {
	runtime *Runtime
	dir     string
	io      container.IO
	args    []string
}

// run calls crun and returns the process that it has left behind.
func (s *start) run(ctx context.Context) (container.Process, error) {
	hold := s.runtime.reaper.Hold()
	defer hold.Release()
	executed, err := s.call(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = executed.Close() }()
	pid, err := readPidFile(s.path("pid"))
	if err != nil {
		return nil, err
	}
	child, err := hold.Claim(pid)
	if err != nil {
		return nil, err
	}
	if err := awaitExec(ctx, executed); err != nil {
		return nil, err
	}
	if messages := s.execFailure(ctx, child); messages != nil {
		return nil, &failure{messages: messages}
	}
	return process{child}, nil
}

func (s *start) path(name string) string { return filepath.Join(s.dir, name) }

// call calls crun and hands the terminal over. What it returns reaches its
// end once the process has executed its program, or has died.
func (s *start) call(ctx context.Context) (executed *os.File, err error) {
	executed, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = w.Close()
		if err != nil {
			_ = executed.Close()
		}
	}()
	// Flags come before the container's id, the last argument.
	args := append([]string{s.args[0], "--pid-file", s.path("pid")}, s.args[1:]...)
	var console *console
	if s.io.Terminal {
		if console, err = listenConsole(s.path("console")); err != nil {
			return nil, err
		}
		defer console.close()
		args = append([]string{args[0], "--console-socket", s.path("console")}, args[1:]...)
	}
	files := append(s.io.Files[:], w)
	if err := s.runtime.invoke(ctx, invocation{dir: s.dir, args: args, files: files}); err != nil {
		return nil, err
	}
	if console != nil {
		master, err := console.receive(consoleTimeout)
		if err != nil {
			return nil, err
		}
		s.io.OnTerminal(master)
	}
	return executed, nil
}

// awaitExec waits for the end of the pipe.
func awaitExec(ctx context.Context, executed *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = executed.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := executed.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("wait for the program to be executed: %w", err)
}

// execFailure returns what crun has to say of a program that could not be
// executed, nil if it was.
func (s *start) execFailure(ctx context.Context, child *reap.Child) []string {
	if alive(child) {
		return nil
	}
	// It is dead, or dying: its memory is gone, and its status is near.
	if status, err := child.Wait(ctx); err != nil || status.Code == 0 || status.Signal != 0 {
		return nil
	}
	if messages := readLog(s.path("log")); len(messages) > 0 {
		return messages
	}
	// crun cannot reach its log in the container's mount namespace, and
	// writes the same to the standard error.
	ctx, cancel := context.WithTimeout(ctx, headTimeout)
	defer cancel()
	return execMessages(s.io.Head(ctx, maxHead))
}

// alive reports whether child has a program, which a dying process has not.
func alive(child *reap.Child) bool {
	_, err := os.Readlink("/proc/" + strconv.Itoa(child.Pid()) + "/exe")
	return err == nil
}

// readPidFile reads a pid file that crun has written.
func readPidFile(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("pid file: %w", err)
	}
	return parsePid(text)
}

// parsePid parses the content of a pid file.
func parsePid(text []byte) (int, error) {
	pid, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 31)
	if err != nil || pid == 0 {
		return 0, fmt.Errorf("pid file holds %.20q, which is no pid", text)
	}
	return int(pid), nil
}
