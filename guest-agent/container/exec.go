package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"syscall"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// PutExec starts the exec in the container id, or finds the one there is if
// its configuration is the same. created tells which.
func (m *Manager) PutExec(ctx context.Context, id, exec string, config *guestapi.ExecConfig) (created bool, err error) {
	e, created, err := m.claimExec(id, exec, config)
	if err != nil {
		return false, err
	}
	if created {
		return true, m.startExec(ctx, id, exec, e, config)
	}
	return false, e.awaitStart(ctx)
}

func checkExec(config *guestapi.ExecConfig) error {
	if err := checkProcess("/process", &config.Process); err != nil {
		return err
	}
	return checkStreams(config.Stdin, config.OutputBufferBytes, config.WhenFull, config.Terminal)
}

// claimExec enters a new exec, which the caller must start, or finds the one
// that has the id.
func (m *Manager) claimExec(id, exec string, config *guestapi.ExecConfig) (*process, bool, error) {
	if err := errors.Join(checkID(exec), checkExec(config)); err != nil {
		return nil, false, err
	}
	c, err := m.find(id)
	if err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := c.execs[exec]; ok {
		if !reflect.DeepEqual(e.config, config) {
			return nil, false, apierr.New(apierr.AlreadyExists, "exec_exists", "%s exists with another configuration; delete it first", e.name)
		}
		return e, false, nil
	}
	if _, err := c.running(); err != nil {
		return nil, false, err
	}
	if c.paused {
		return nil, false, errPaused(c.name)
	}
	if m.closing {
		return nil, false, errShuttingDown()
	}
	if len(c.execs) >= maxExecs {
		return nil, false, apierr.New(apierr.ResourceExhausted, "too_many", "%s has %d execs already; delete one first", c.name, maxExecs)
	}
	name := fmt.Sprintf("exec %q of container %q", exec, id)
	news := new(news)
	opts := streamOptions(config.Process.Terminal, config.Stdin, config.OutputBufferBytes, config.WhenFull, news)
	streams, err := stdio.Open(m.log.WithField("process", name), &m.pool, opts)
	if err != nil {
		return nil, false, err
	}
	e := newProcess(name, config, streams, news)
	c.execs[exec] = e
	return e, true, nil
}

func (m *Manager) startExec(ctx context.Context, id, exec string, e *process, config *guestapi.ExecConfig) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	handle, err := m.runtime.Exec(ctx, id, "", consoleSize(config.Process, config.Terminal), e.io())
	e.streams.CloseChildFiles()
	if err != nil {
		m.forgetExec(id, exec)
		e.streams.Close()
		e.started(nil, err)
		return err
	}
	e.started(handle, nil)
	m.watch(e, handle, func() (killed, atLimit bool) { return false, false })
	return nil
}

func (m *Manager) forgetExec(id, exec string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.containers[id]; ok {
		delete(c.execs, exec)
	}
}

func (m *Manager) findExec(id, exec string) (*process, error) {
	c, err := m.find(id)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := c.execs[exec]; ok {
		return e, nil
	}
	return nil, apierr.New(apierr.NotFound, "exec_not_found", "%s has no exec with the id %q", c.name, exec)
}

func execView(id, exec string, e *process) guestapi.Exec {
	s := e.snapshot()
	return guestapi.Exec{
		Id: exec, ContainerId: id, State: s.State, Pid: s.Pid, StartedAt: s.StartedAt, FinishedAt: s.FinishedAt,
		ExitCode: s.ExitCode, Signal: s.Signal, Stdout: s.Stdout, Stderr: s.Stderr,
	}
}

// ListExecs returns all execs of the container id, ordered by id.
func (m *Manager) ListExecs(id string) ([]guestapi.Exec, error) {
	c, err := m.find(id)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]guestapi.Exec, 0, len(c.execs))
	for exec, e := range c.execs {
		list = append(list, execView(id, exec, e))
	}
	slices.SortFunc(list, func(a, b guestapi.Exec) int { return cmp.Compare(a.Id, b.Id) })
	return list, nil
}

// GetExec returns an exec.
func (m *Manager) GetExec(id, exec string) (guestapi.Exec, error) {
	e, err := m.findExec(id, exec)
	if err != nil {
		return guestapi.Exec{}, err
	}
	return execView(id, exec, e), nil
}

// WaitExec waits until the exec has exited or ctx is done, and returns it.
func (m *Manager) WaitExec(ctx context.Context, id, exec string) (guestapi.Exec, error) {
	e, err := m.findExec(id, exec)
	if err != nil {
		return guestapi.Exec{}, err
	}
	e.awaitExit(ctx)
	return execView(id, exec, e), nil
}

// WatchExec reports the exec now and whenever an output has its first byte or
// the process has exited, and from then on also when an output ends, until all
// have ended. It returns the error of report, or ctx's.
func (m *Manager) WatchExec(ctx context.Context, id, exec string, report func(guestapi.Exec) error) error {
	e, err := m.findExec(id, exec)
	if err != nil {
		return err
	}
	var told *guestapi.Exec
	for {
		next := e.news.next()
		view := execView(id, exec, e)
		if told == nil || worthTelling(*told, view) {
			if err := report(view); err != nil {
				return err
			}
			told = &view
		}
		if view.State == guestapi.StateExited && view.Stdout.Ended && view.Stderr.Ended {
			return nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// worthTelling reports whether a watcher has to know how an exec went on. That
// a process which still runs has closed an output can wait for its exit, which
// mostly comes in the same moment: each report costs the guest an exit or two.
func worthTelling(before, now guestapi.Exec) bool {
	first := func(before, now guestapi.Output) bool { return before.Written == 0 && now.Written > 0 }
	return now.State == guestapi.StateExited ||
		first(before.Stdout, now.Stdout) || first(before.Stderr, now.Stderr)
}

// KillExec sends a signal to the exec's process.
func (m *Manager) KillExec(id, exec string, sig syscall.Signal) error {
	e, err := m.findExec(id, exec)
	if err != nil {
		return err
	}
	return e.signal(sig)
}

// ResizeExec sets the size of the exec's terminal.
func (m *Manager) ResizeExec(id, exec string, size guestapi.TerminalSize) error {
	e, err := m.findExec(id, exec)
	if err != nil {
		return err
	}
	return e.resize(size)
}

// DeleteExec forgets an exited exec; force kills one that runs.
func (m *Manager) DeleteExec(ctx context.Context, id, exec string, force bool) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	e, err := m.findExec(id, exec)
	if err != nil {
		return err
	}
	if err := e.awaitStart(ctx); err != nil {
		return err
	}
	if !e.hasExited() && !force {
		return apierr.New(apierr.FailedPrecondition, "exec_running", "%s is running; kill it first or use force", e.name)
	}
	if err := killAndWait(ctx, e, func() error { return e.signal(syscall.SIGKILL) }); err != nil {
		return err
	}
	m.forgetExec(id, exec)
	e.streams.Close()
	return nil
}

// ForgetExecs forgets those of the execs that have exited.
func (m *Manager) ForgetExecs(id string, execs []string) error {
	c, err := m.find(id)
	if err != nil {
		return err
	}
	for _, e := range m.takeExited(c, execs) {
		e.streams.Close()
	}
	return nil
}

// takeExited takes those of the execs that have exited out of c.
func (m *Manager) takeExited(c *container, execs []string) []*process {
	m.mu.Lock()
	defer m.mu.Unlock()
	var taken []*process
	for _, exec := range execs {
		if e, ok := c.execs[exec]; ok && e.hasExited() {
			delete(c.execs, exec)
			taken = append(taken, e)
		}
	}
	return taken
}
