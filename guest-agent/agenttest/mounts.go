package agenttest

import (
	"path/filepath"
	"slices"
	"sync"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// mounts are the volumes that an agent's containers have.
type mounts struct {
	mu   sync.Mutex
	list map[string][]guestapi.Volume // by container and device
	busy map[string]bool              // devices that a program uses
}

func newMounts() *mounts {
	return &mounts{list: make(map[string][]guestapi.Volume), busy: make(map[string]bool)}
}

func (m *mounts) of(id, device string) []guestapi.Volume {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list[filepath.Join(id, device)])
}

func (m *mounts) set(id, device string, list []guestapi.Volume) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list[filepath.Join(id, device)] = list
}

func (m *mounts) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.list {
		if filepath.Dir(key) == id {
			delete(m.list, key)
		}
	}
}

func (m *mounts) isBusy(device string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy[device]
}

// Mounts are those of a device in the container id.
func (a *Agent) Mounts(id, device string) []guestapi.Volume { return a.mounts.of(id, device) }

// Use makes a device one that a program uses, or no longer.
func (a *Agent) Use(device string, busy bool) {
	a.mounts.mu.Lock()
	defer a.mounts.mu.Unlock()
	a.mounts.busy[device] = busy
}
