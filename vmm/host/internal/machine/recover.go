package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// recover takes over what the run directory tells of.
func (m *Manager) recover() error {
	entries, err := os.ReadDir(m.cfg.Dir)
	if err != nil {
		return fmt.Errorf("open run directory: %w", err)
	}
	for _, e := range entries {
		if err := m.recoverOne(layout(filepath.Join(m.cfg.Dir, e.Name()))); err != nil {
			return fmt.Errorf("recover %s: %w", filepath.Join(m.cfg.Dir, e.Name()), err)
		}
	}
	return m.sweepLinks()
}

// recoverOne decides what to do with one VM's directory.
func (m *Manager) recoverOne(dir layout) error {
	var rec record
	err := durable.ReadJSON(dir.record(), &rec)
	if errors.Is(err, fs.ErrNotExist) {
		return dir.remove() // the intent was never written, or all else is gone
	}
	if err != nil {
		return fmt.Errorf("%w; move the directory away if the VM is not needed", err)
	}
	if rec.Spec.Nics == nil {
		rec.Spec.Nics = []hostapi.NamedNIC{} // recorded by a vmmd that made none
	}
	v := newVM(m.ctx, dir, rec)
	switch {
	case rec.BootID != m.cfg.BootID:
		m.log(v).Info("removing a VM of an earlier boot")
		return m.discard(v)
	case rec.Process == procs.Ident{}:
		m.log(v).Info("removing a VM whose start was cut short")
		return m.discard(v)
	}
	m.vms[rec.ID] = v
	return m.adopt(v)
}

// discard removes a VM that no one was told of or that cannot be running.
func (m *Manager) discard(v *vm) error {
	close(v.started)
	return m.erase(v)
}

// adopt takes over a VMM that was recorded, running or not.
func (m *Manager) adopt(v *vm) error {
	rec := v.snapshot()
	if rec.Exit != nil {
		close(v.exited)
		close(v.started)
		return nil
	}
	handle, err := procs.Open(rec.Process)
	if errors.Is(err, procs.ErrGone) {
		return m.adoptEnded(v)
	}
	if err != nil {
		return err
	}
	v.handle = handle
	m.tasks.Go(func() { m.watch(v, handle) })
	m.log(v).Info("adopted a running VMM")
	if rec.Ready {
		close(v.started)
		return nil
	}
	m.tasks.Go(func() { m.resumeStart(v) })
	return nil
}

// adoptEnded notes the end of a VMM that ended while no one watched.
func (m *Manager) adoptEnded(v *vm) error {
	if err := m.killAll(v); err != nil {
		return err
	}
	if !v.snapshot().Ready {
		m.log(v).Info("removing a VM whose start was cut short")
		close(v.exited)
		return m.discard(v)
	}
	m.noteExit(v, hostapi.VMExit{At: time.Now().UTC()})
	close(v.started)
	return nil
}

// resumeStart finishes a start that the death of an earlier vmmd cut short.
func (m *Manager) resumeStart(v *vm) {
	defer close(v.started)
	err := m.awaitReady(v)
	if err == nil {
		return
	}
	v.startErr = m.startError(v, err)
	if err := m.erase(v); err != nil {
		m.log(v).WithError(err).Error("cannot remove what a failed start has left; delete the VM to try again")
	}
}
