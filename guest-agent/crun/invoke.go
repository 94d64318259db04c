package crun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// maxLog bounds how much of crun's log is read, in bytes.
const maxLog = 64 << 10

// invocation is one call of crun.
type invocation struct {
	// dir takes the log.
	dir string
	// args follow the global options.
	args []string
	// files become descriptors 0 and up. Without any, /dev/null is used.
	files []*os.File
}

// failure is a call of crun that has failed.
type failure struct {
	// code is crun's exit code, 0 where crun itself reported success.
	code int
	// messages are the errors that crun has logged, oldest first.
	messages []string
}

// Error implements error with crun's last message, the most specific one.
func (f *failure) Error() string {
	if len(f.messages) == 0 {
		return fmt.Sprintf("crun exited with code %d and logged nothing", f.code)
	}
	return "crun: " + f.messages[len(f.messages)-1]
}

// invoke calls crun and waits for it. Its error is a *failure where crun
// reports one.
func (r *Runtime) invoke(ctx context.Context, inv invocation) error {
	if len(inv.files) == 0 {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer func() { _ = null.Close() }()
		inv.files = []*os.File{null, null, null}
	}
	argv := append([]string{
		r.config.Path, "--root", r.config.StateDir, "--cgroup-manager", "cgroupfs",
		"--log", "file:" + filepath.Join(inv.dir, "log"), "--log-format", "json",
	}, inv.args...)
	attr := &syscall.ProcAttr{Dir: "/", Env: r.config.Env}
	for _, f := range inv.files {
		attr.Files = append(attr.Files, f.Fd())
	}
	begin := time.Now()
	child, err := r.reaper.Start(argv, attr)
	if err != nil {
		return err
	}
	status, err := child.Wait(ctx)
	r.log.WithField("args", inv.args).WithField("took", time.Since(begin)).Debug("called crun")
	if err != nil {
		// It would otherwise go on after its files are gone.
		killErr := child.Signal(syscall.SIGKILL)
		<-child.Done()
		return errors.Join(fmt.Errorf("crun did not finish in time: %w", err), killErr)
	}
	if status.Code == 0 {
		return nil
	}
	return &failure{code: status.Code, messages: readLog(filepath.Join(inv.dir, "log"))}
}

// readLog returns the errors in crun's log, none where there is no log.
func readLog(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxLog))
	if err != nil {
		return nil
	}
	return parseLog(text)
}
