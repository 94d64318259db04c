package machine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// killTimeout bounds the wait for processes that got SIGKILL. Only one that
// hangs in the kernel takes longer.
const killTimeout = 20 * time.Second

// Delete ends the VMM, with SIGTERM and after grace with SIGKILL, and removes
// every trace of the VM. It returns when that is done. Deleting what is not
// there succeeds.
func (m *Manager) Delete(id string, grace time.Duration) error {
	v, err := m.find(id)
	if err != nil {
		return nil
	}
	v.mu.Lock()
	v.deleting = true
	v.mu.Unlock()
	v.cancelStart()
	<-v.started
	m.terminate(v, grace)
	if err := m.erase(v); err != nil {
		return fmt.Errorf("delete VM %s: %w", id, err)
	}
	return nil
}

// terminate asks the VMM to end and waits for that, no longer than grace.
func (m *Manager) terminate(v *vm, grace time.Duration) {
	handle := v.process()
	if handle == nil || grace <= 0 {
		return
	}
	if err := handle.Signal(unix.SIGTERM); err != nil {
		return // gone already, or erase will say what is wrong
	}
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-v.exited:
	case <-v.gone:
	case <-late.C:
	}
}

// erase kills what is left of the VM, removes its cgroup, network interfaces,
// links and run directory, and forgets it, which frees its uid. It may be called more than once.
func (m *Manager) erase(v *vm) error {
	v.erasing.Lock()
	defer v.erasing.Unlock()
	if isClosed(v.gone) {
		return nil
	}
	if err := m.cfg.Step(OpKill); err != nil {
		return err
	}
	if err := m.killAll(v); err != nil {
		return err
	}
	if err := m.awaitExit(v); err != nil {
		return err
	}
	if err := m.removeCgroup(v); err != nil {
		return err
	}
	if err := m.cfg.Step(OpRemove); err != nil {
		return err
	}
	if err := m.cfg.Networks.UnplugAll(v.snapshot().ID); err != nil {
		return err
	}
	if err := m.unlink(v.dir.key()); err != nil {
		return err
	}
	if err := v.dir.remove(); err != nil {
		return err
	}
	m.forget(v)
	return nil
}

// removeCgroup removes the VM's cgroup once what was killed in it is gone.
func (m *Manager) removeCgroup(v *vm) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), killTimeout)
	defer cancel()
	return m.cfg.Cgroups.Remove(ctx, v.dir.key())
}

// killAll ends every process of the VM.
func (m *Manager) killAll(v *vm) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), killTimeout)
	defer cancel()
	if handle := v.process(); handle != nil {
		if err := handle.Signal(unix.SIGKILL); err != nil && !errors.Is(err, procs.ErrGone) {
			return fmt.Errorf("kill VMM: %w", err)
		}
	}
	if err := m.cfg.Cgroups.Kill(v.dir.key()); err != nil {
		return err
	}
	return v.dir.token().KillAll(ctx)
}

// awaitExit waits until the end of a VMM that was spawned is recorded, so
// that no one writes to the run directory any more.
func (m *Manager) awaitExit(v *vm) error {
	if v.process() == nil {
		return nil
	}
	late := time.NewTimer(killTimeout)
	defer late.Stop()
	select {
	case <-v.exited:
		return nil
	case <-m.ctx.Done():
		return m.ctx.Err()
	case <-late.C:
		return errors.New("the VMM does not end")
	}
}

// forget takes the VM off the list. Its id is free from then on.
func (m *Manager) forget(v *vm) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := v.snapshot()
	delete(m.vms, rec.ID)
	if h := v.process(); h != nil {
		_ = h.Close()
	}
	v.cancelStart()
	close(v.gone)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
