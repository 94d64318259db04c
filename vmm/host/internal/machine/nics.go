package machine

import (
	"os"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// plugError is that a VM cannot have the network interfaces of its
// specification.
type plugError struct{ error }

// Unwrap returns why.
func (e *plugError) Unwrap() error { return e.error }

// plug makes the network interfaces that the VM is started with.
func (m *Manager) plug(v *vm) error {
	rec := v.snapshot()
	if err := m.cfg.Networks.Plug(rec.ID, tapUser(rec), rec.Spec.Nics); err != nil {
		return &plugError{err}
	}
	return nil
}

// tapUser is the user that the VM's VMM opens taps as.
func tapUser(rec record) int {
	if rec.UID == 0 {
		return os.Geteuid()
	}
	return rec.UID
}

// PlugNIC makes a network interface for the VM id, and returns it. It is the
// VM's until it is unplugged or the VM deleted. Errors: vm_not_found,
// vm_deleted and those of Networks.
func (m *Manager) PlugNIC(id string, nic hostapi.NamedNIC) (hostapi.NIC, error) {
	v, err := m.find(id)
	if err != nil {
		return hostapi.NIC{}, err
	}
	if v.isDeleting() {
		return hostapi.NIC{}, deletedError(id)
	}
	// Whoever removes the VM's traces finds this one, or it is not made.
	v.erasing.Lock()
	defer v.erasing.Unlock()
	if isClosed(v.gone) {
		return hostapi.NIC{}, notFound(id)
	}
	return m.cfg.Networks.PlugOne(id, tapUser(v.snapshot()), nic)
}

// Exists reports whether there is a VM of that id.
func (m *Manager) Exists(id string) bool {
	_, err := m.find(id)
	return err == nil
}
