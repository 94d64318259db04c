package container

import "github.com/cardplane/cardplane/openapi/guestapi"

const (
	maxCPUs = 1024
	// maxLimit is beyond what any machine has, and fits the kernel's files.
	maxLimit = 1 << 60
)

// Limit changes what the processes of a running container may use.
func (m *Manager) Limit(id string, limits guestapi.Limits) error {
	switch {
	case limits.MemoryBytes < 0 || limits.MemoryBytes > maxLimit:
		return invalid("/memoryBytes", "a limit of %d bytes is not possible", limits.MemoryBytes)
	case limits.Cpus < 0 || limits.Cpus > maxCPUs:
		return invalid("/cpus", "a limit of %d processors is not possible; use 0 to %d", limits.Cpus, maxCPUs)
	case limits.Pids < 0 || limits.Pids > maxLimit:
		return invalid("/pids", "a limit of %d processes is not possible", limits.Pids)
	}
	c, err := m.find(id)
	if err != nil {
		return err
	}
	if _, err := c.running(); err != nil {
		return err
	}
	c.limiting.Lock()
	defer c.limiting.Unlock()
	return m.runtime.Limit(id, limits)
}
