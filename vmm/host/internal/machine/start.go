package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
	"github.com/cardplane/cardplane/vmm/host/internal/tail"
	"github.com/cardplane/cardplane/vmm/ping"
)

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
	if apierr.Is(err, ping.CodeTooOld) || apierr.Is(err, codeMismatch) || apierr.Is(err, snapshot.CodeNotFound) {
		return err
	}
	if refused := new(plugError); errors.As(err, &refused) && apierr.ClassOf(err) != apierr.Internal {
		return apierr.From(err)
	}
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
	if err := v.dir.fill(v.snapshot()); err != nil {
		return err
	}
	if err := m.link(v); err != nil {
		return err
	}
	if err := m.makeSnapshotDirs(v); err != nil {
		return err
	}
	if err := m.cfg.Step(OpPlugNICs); err != nil {
		return err
	}
	if err := m.plug(v); err != nil {
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

// awaitReady waits until the VMM answers, and records that.
func (m *Manager) awaitReady(v *vm) error {
	if err := m.cfg.Step(OpAwaitAPI); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(v.startCtx, m.cfg.StartTimeout)
	defer cancel()
	version, err := m.awaitAPI(ctx, v)
	if err != nil {
		return err
	}
	if err := v.checkLoan(version); err != nil {
		return err
	}
	if err := m.cfg.Step(OpRecordReady); err != nil {
		return err
	}
	return v.update(func(r *record) { r.Ready, r.Version = true, version })
}

// pingRetry is the pause before a VMM that broke a connection off is asked
// again.
const pingRetry = 10 * time.Millisecond

// awaitAPI pings the VMM, checks its version and returns it. The socket accepts from the
// start, so the first ping is answered as soon as the VMM can.
func (m *Manager) awaitAPI(ctx context.Context, v *vm) (string, error) {
	began := time.Now()
	for {
		version, err := m.ping(ctx, v)
		if err == nil {
			return version, ping.CheckVersion(version)
		}
		select {
		case <-v.exited:
			rec := v.snapshot()
			return "", fmt.Errorf("it ended with %s before its API answered", describeExit(rec.Exit))
		case <-ctx.Done():
			return "", fmt.Errorf("its API did not answer within %s: %w", time.Since(began).Round(time.Millisecond), ctx.Err())
		case <-time.After(pingRetry):
		}
	}
}

// ping asks the VMM for its version until it answers, ends, or ctx is done.
func (m *Manager) ping(ctx context.Context, v *vm) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-v.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ping.Do(ctx, func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", v.dir.api())
	})
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
