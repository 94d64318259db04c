package vmmtest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// fakeSize is what can be resized of a fake machine, and what it is saved as.
type fakeSize struct {
	VCPUs     int32
	Leaving   bool // some vCPUs
	Fixed     int64
	Plugged   int64
	Room      int64 // for AddMemory
	Ballooned int64
	// Word is what the guest remembers.
	Word string
}

// VCPUs implements [chvmm.Machine].
func (m *fakeMachine) VCPUs(context.Context) (int32, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size.VCPUs, m.size.Leaving, nil
}

// SetVCPUs implements [chvmm.Machine].
func (m *fakeMachine) SetVCPUs(_ context.Context, n int32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > m.size.VCPUs {
		m.size.VCPUs = n
		return nil
	}
	m.size.Leaving = true
	m.guestDoesLocked(func() { m.size.VCPUs, m.size.Leaving = n, false })
	return nil
}

// Memory implements [chvmm.Machine].
func (m *fakeMachine) Memory(context.Context) (chvmm.Memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return chvmm.Memory{Fixed: m.size.Fixed, Plugged: m.size.Plugged}, nil
}

// AddMemory implements [chvmm.Machine].
func (m *fakeMachine) AddMemory(_ context.Context, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if bytes > m.size.Room {
		return &chvmm.Fault{Text: "Not enough space in the hotplug RAM region"}
	}
	m.size.Room -= bytes
	m.size.Fixed += bytes
	return nil
}

// SetPlugged implements [chvmm.Machine]. The guest follows at once.
func (m *fakeMachine) SetPlugged(_ context.Context, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size.Plugged = bytes
	return nil
}

// SetBalloon implements [chvmm.Machine]. The guest follows at once.
func (m *fakeMachine) SetBalloon(_ context.Context, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.size.Ballooned = bytes
	return nil
}

// Ballooned implements [chvmm.Machine].
func (m *fakeMachine) Ballooned(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size.Ballooned, nil
}

// ResizeDisk implements [chvmm.Machine].
func (m *fakeMachine) ResizeDisk(_ context.Context, id string, bytes int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.devices[id].file.Truncate(bytes)
}

// Save implements [chvmm.Machine].
func (m *fakeMachine) Save(_ context.Context, dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := m.size
	size.Word = m.guest.Recall()
	text, err := json.Marshal(size)
	if err != nil {
		return err
	}
	return errors.Join(chvmm.WriteNew(filepath.Join(dir, chvmm.StateFile), text), chvmm.WriteNew(filepath.Join(dir, chvmm.MemoryFile), nil))
}

// Restore implements [chvmm.Platform].
func (p fakePlatform) Restore(ctx context.Context, cfg *chapi.VmConfig, _ chvmm.Consoles, from chvmm.Snapshot) (chvmm.Machine, error) {
	text, err := os.ReadFile(filepath.Join(from.Dir, chvmm.StateFile))
	if err != nil {
		return nil, err
	}
	var size fakeSize
	if err := json.Unmarshal(text, &size); err != nil {
		return nil, err
	}
	m, err := p.newMachine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	m.size = size
	p.guest.Remember(size.Word)
	p.guest.setMachine(m)
	return m, m.Pause(ctx)
}
