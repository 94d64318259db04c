package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/tail"
)

// tokenName is the environment variable that marks a VM's processes.
const tokenName = "CARDPLANE_VM"

// start makes the VM's process and waits until it is ready. A start that
// fails leaves nothing.
func (m *Manager) start(v *vm, program Program) {
	defer close(v.started)
	err := m.launch(v, program)
	if err == nil {
		err = m.awaitReady(v)
	}
	if err == nil {
		m.log(v).WithField("vmm", program.Kind).Info("VMM started")
		return
	}
	v.startErr = m.startError(v, err)
	if err := m.erase(v); err != nil {
		m.log(v).WithError(err).Error("cannot remove what a failed start has left; delete the VM to try again")
		return
	}
}

// startError makes err one that the card may see, with the VMM's last words.
func (m *Manager) startError(v *vm, err error) error {
	rec := v.snapshot()
	if v.isDeleting() {
		return deletedError(rec.ID)
	}
	m.log(v).WithError(err).Error("VMM did not start")
	class := apierr.FailedPrecondition
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EAGAIN) {
		class = apierr.ResourceExhausted
	}
	return apierr.New(class, "vmm_start_failed",
		"%s for VM %q did not start: %w", rec.Kind, rec.ID, err).
		With(tail.LastLines(v.dir.log(), evidenceLines, evidenceBytes))
}

// launch records the intent, spawns the VMM and records its name.
func (m *Manager) launch(v *vm, program Program) error {
	if err := m.cfg.Step(OpRecord); err != nil {
		return err
	}
	if err := v.dir.make(v.snapshot()); err != nil {
		return err
	}
	if err := m.cfg.Step(OpSpawn); err != nil {
		return err
	}
	if err := m.spawn(v, program); err != nil {
		return err
	}
	if err := m.cfg.Step(OpRecordProcess); err != nil {
		return err
	}
	return v.update(func(r *record) { r.Process = v.handle.Ident() })
}

// spawn starts the VMM as the leader of its own session, in its own cgroup,
// with no descriptor of ours, and watches it from then on.
func (m *Manager) spawn(v *vm, program Program) error {
	log, err := os.OpenFile(v.dir.log(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("open VMM log: %w", err)
	}
	defer func() { _ = log.Close() }()
	group, err := m.cfg.Cgroups.Make(v.dir.key())
	if err != nil {
		return err
	}
	cmd := exec.Command(program.Path,
		"--api-socket", v.dir.api(),
		"--event-monitor", "path="+v.dir.events(),
		"-v")
	cmd.Dir = string(v.dir)
	cmd.Env = append(inheritedEnv(), string(v.dir.token()))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if group != nil {
		defer func() { _ = group.Close() }()
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(group.Fd())
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("spawn %s: %w", program.Path, err)
	}
	handle, err := procs.OpenChild(cmd.Process.Pid)
	if err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	v.mu.Lock()
	v.child, v.handle = cmd, handle
	v.mu.Unlock()
	m.tasks.Go(func() { m.watch(v, handle) })
	return nil
}

// inheritedEnv returns what a VMM may see of our environment.
func inheritedEnv() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == tokenName:
		case name == "PATH", name == "HOME", name == "TMPDIR", strings.HasPrefix(name, "CARDPLANE_"):
			env = append(env, entry)
		}
	}
	return env
}

// awaitReady waits until the VMM's API socket accepts, and records that.
func (m *Manager) awaitReady(v *vm) error {
	if err := m.cfg.Step(OpAwaitAPI); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.startCtx, m.cfg.StartTimeout)
	defer cancel()
	if err := m.awaitAPI(ctx, v); err != nil {
		return err
	}
	if err := m.cfg.Step(OpRecordReady); err != nil {
		return err
	}
	return v.update(func(r *record) { r.Ready = true })
}

// Connect attempts come often at first, because every start of a VM waits for
// one of them, and less often once the VMM is slow anyway.
const (
	quickRetry  = time.Millisecond
	quickPeriod = 250 * time.Millisecond
	slowRetry   = 10 * time.Millisecond
)

func (m *Manager) awaitAPI(ctx context.Context, v *vm) error {
	began := time.Now()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-retry.C:
		case <-v.exited:
			rec := v.snapshot()
			return fmt.Errorf("it ended with %s before its API socket accepted", describeExit(rec.Exit))
		case <-ctx.Done():
			return fmt.Errorf("its API socket did not accept within %s: %w", time.Since(began).Round(time.Millisecond), ctx.Err())
		}
		if conn, err := net.Dial("unix", v.dir.api()); err == nil {
			return conn.Close()
		}
		if time.Since(began) < quickPeriod {
			retry.Reset(quickRetry)
		} else {
			retry.Reset(slowRetry)
		}
	}
}

// watch waits for the VMM's end, removes children it has left, and records
// how it ended. It returns early, and leaves the VMM, when the manager closes.
func (m *Manager) watch(v *vm, handle *procs.Handle) {
	if err := handle.Wait(m.ctx); err != nil {
		if m.ctx.Err() == nil {
			m.log(v).WithError(err).Error("cannot watch the VMM")
		}
		return
	}
	if err := m.killAll(v); err != nil {
		m.log(v).WithError(err).Error("cannot kill what a VMM has left")
	}
	m.noteExit(v, v.reap())
}

// noteExit records how the VMM ended and lets everyone know.
func (m *Manager) noteExit(v *vm, exit hostapi.VMExit) {
	err := m.cfg.Step(OpRecordExit)
	if err == nil {
		err = v.update(func(r *record) { r.Exit = &exit })
	}
	if err != nil {
		// The record is only behind: the next vmmd finds the process
		// gone. What this one knows is in memory.
		m.log(v).WithError(err).Error("cannot record a VMM's exit")
		v.mu.Lock()
		v.rec.Exit = &exit
		v.mu.Unlock()
	}
	m.log(v).WithField("exit", describeExit(&exit)).Info("VMM ended")
	close(v.exited)
}

func describeExit(exit *hostapi.VMExit) string {
	switch {
	case exit != nil && exit.Code != nil:
		return fmt.Sprintf("exit code %d", *exit.Code)
	case exit != nil && exit.Signal != nil:
		return "signal " + syscall.Signal(*exit.Signal).String()
	default:
		return "an unknown status"
	}
}
