package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// daemon is one long-running process of the stack. It can be started again
// after it was killed; its log goes on in the same file.
type daemon struct {
	name, dir, path string
	args, env       []string

	cmd  *exec.Cmd
	done chan struct{} // closed when cmd has ended
}

func (d *daemon) logPath() string { return filepath.Join(d.dir, d.name+".log") }

// start starts the process and returns once ready succeeds.
func (d *daemon) start(ctx context.Context, ready func(context.Context) error) error {
	log, err := os.OpenFile(d.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(d.path, d.args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, d.env
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w (is it built? run: make build)", d.name, err)
	}
	d.cmd, d.done = cmd, make(chan struct{})
	go func(done chan struct{}) {
		_ = cmd.Wait() // how it ended shows in its log
		close(done)
	}(d.done)
	return d.await(ctx, ready)
}

func (d *daemon) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w\n%s", d.name, err, d.log())
		case <-d.done:
			return fmt.Errorf("%s ended at once:\n%s", d.name, d.log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (d *daemon) running() bool {
	if d == nil || d.cmd == nil {
		return false
	}
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

func (d *daemon) pid() int {
	if !d.running() {
		return 0
	}
	return d.cmd.Process.Pid
}

// kill ends the process with SIGKILL.
func (d *daemon) kill() error { return d.signal(syscall.SIGKILL) }

// stop ends the process with SIGTERM, and with SIGKILL when it takes long.
func (d *daemon) stop() error {
	if err := d.signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, d.kill())
	}
	return nil
}

func (d *daemon) signal(sig syscall.Signal) error {
	if !d.running() {
		return nil
	}
	if err := d.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", d.name, err)
	}
	select {
	case <-d.done:
		return nil
	case <-time.After(startTimeout):
		return fmt.Errorf("%s does not end on %v\n%s", d.name, sig, d.log())
	}
}

func (d *daemon) log() string {
	if d == nil {
		return ""
	}
	text, err := os.ReadFile(d.logPath())
	if err != nil {
		return fmt.Sprintf("--- %s: no log: %v\n", d.name, err)
	}
	return fmt.Sprintf("--- %s\n%s", d.name, text)
}

func socketAnswers(path string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
