package chqemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// savedState is what a snapshot's state.json holds: how the machine was made
// up. Its memory and the state of its parts are in the file memory-ranges, which
// QEMU has written as one to migrate from.
type savedState struct {
	// Writer and QEMU name who wrote it; no other reads it.
	Writer string `json:"writer"`
	QEMU   string `json:"qemu"`
	VCPUs  int32  `json:"vcpus"`
	// BootMemory and AddedMemory are in bytes.
	BootMemory  int64   `json:"boot_memory"`
	AddedMemory []int64 `json:"added_memory"`
	// Slots are the slots of the devices behind the bridge, by id.
	Slots map[string]int `json:"slots"`

	// prefault is what vm.restore asks for.
	prefault bool
}

// stateWriter is the Writer of this version.
const stateWriter = "ch-qemu 2"

// maxState bounds state.json in bytes. It has some hundred.
const maxState = 64 << 10

// Save implements [chvmm.Machine].
func (m *machine) Save(ctx context.Context, dir string) error {
	if err := m.checkLeaving(ctx); err != nil {
		return err
	}
	text, err := json.Marshal(m.describe())
	if err != nil {
		return err
	}
	if err := chvmm.WriteNew(filepath.Join(dir, chvmm.StateFile), text); err != nil {
		return chvmm.NewFault("Error creating VM state snapshot file", err)
	}
	memory := filepath.Join(dir, chvmm.MemoryFile)
	if err := chvmm.WriteNew(memory, nil); err != nil {
		return chvmm.NewFault("Error creating VM memory snapshot file", err)
	}
	if err := m.takeOut(ctx); err != nil {
		return chvmm.NewFault("Error taking the vsock device out", err)
	}
	if err := m.migrate(ctx, "migrate", memory); err != nil {
		return err
	}
	// QEMU has let go of the disks, and of their locks.
	return m.qmp.Execute(ctx, "blockdev-set-active", map[string]any{"active": true}, nil)
}

// checkLeaving refuses to save a machine with a device that is no longer part
// of its configuration and that the guest has not yet given up.
func (m *machine) checkLeaving(ctx context.Context) error {
	there, err := m.peripherals(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.find(func(d *device) bool { return d.leaving && there[qdev(d.slot)] }); d != nil {
		return fmt.Errorf("the removal of device %s is under way; resume the VM until it is gone", d.id)
	}
	return nil
}

// peripherals returns the ids in QEMU of the devices that have one.
func (m *machine) peripherals(ctx context.Context) (map[string]bool, error) {
	var children []struct{ Name string }
	if err := m.qmp.Execute(ctx, "qom-list", map[string]any{"path": "/machine/peripheral"}, &children); err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, child := range children {
		out[child.Name] = true
	}
	return out, nil
}

func (m *machine) describe() *savedState {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := &savedState{
		Writer:      stateWriter,
		QEMU:        m.qmp.Version().String(),
		VCPUs:       m.cfg.Cpus.BootVcpus,
		BootMemory:  m.bootMemory,
		AddedMemory: m.addedMemory,
		Slots:       map[string]int{},
	}
	for slot, d := range m.devices {
		if !d.leaving {
			state.Slots[d.id] = slot
		}
	}
	return state
}

// migrate runs one of the commands migrate and migrate-incoming with a file
// and waits for its end.
func (m *machine) migrate(ctx context.Context, command, path string) error {
	// Without it QEMU takes care not to fill a network.
	if err := m.qmp.Execute(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": int64(1) << 40}, nil); err != nil {
		return err
	}
	// Each page has its place in the file, so that what is not zero is read in
	// long pieces, and the rest is a hole.
	capability := map[string]any{"capability": "mapped-ram", "state": true}
	if err := m.qmp.Execute(ctx, "migrate-set-capabilities", map[string]any{"capabilities": []any{capability}}, nil); err != nil {
		return err
	}
	channel := map[string]any{
		"channel-type": "main",
		"addr":         map[string]any{"transport": "file", "filename": path, "offset": 0},
	}
	if err := m.qmp.Execute(ctx, command, map[string]any{"channels": []any{channel}}, nil); err != nil {
		return err
	}
	return m.awaitMigration(ctx)
}

// Pauses between looks at a migration.
const (
	firstLook = 2 * time.Millisecond
	lastLook  = 50 * time.Millisecond
)

func (m *machine) awaitMigration(ctx context.Context) error {
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		var now struct {
			Status string
			Error  string `json:"error-desc"`
		}
		if err := m.qmp.Execute(ctx, "query-migrate", nil, &now); err != nil {
			return err
		}
		switch now.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("qemu: migration %s: %s", now.Status, now.Error)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// Restore implements [chvmm.Platform].
func (p *Platform) Restore(ctx context.Context, cfg *chapi.VmConfig, consoles chvmm.Consoles, from chvmm.Snapshot) (chvmm.Machine, error) {
	state, err := readState(filepath.Join(from.Dir, chvmm.StateFile), cfg)
	if err != nil {
		return nil, chvmm.NewFault("Cannot restore VM", chvmm.NewFault("Error deserialising VM state snapshot", err))
	}
	state.prefault = from.Prefault
	return p.run(ctx, cfg, consoles, state, from)
}

func readState(path string, cfg *chapi.VmConfig) (*savedState, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return nil, err
	}
	return parseState(text, cfg)
}

// parseState reads state.json and checks that it describes a machine of cfg.
func parseState(text []byte, cfg *chapi.VmConfig) (*savedState, error) {
	var state savedState
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, err
	}
	switch {
	case state.Writer != stateWriter:
		return nil, fmt.Errorf("it was written by %q, and not by %q", state.Writer, stateWriter)
	case state.VCPUs != cfg.Cpus.BootVcpus:
		return nil, fmt.Errorf("it has %d vCPUs and its configuration %d", state.VCPUs, cfg.Cpus.BootVcpus)
	case state.BootMemory <= 0 || len(state.AddedMemory) > memorySlots:
		return nil, fmt.Errorf("boot_memory %d with %d additions is no memory", state.BootMemory, len(state.AddedMemory))
	}
	for _, bytes := range state.AddedMemory {
		if bytes <= 0 {
			return nil, fmt.Errorf("added_memory %d is no memory", bytes)
		}
	}
	return &state, checkSlots(state.Slots, cfg)
}

// checkSlots checks that every device of cfg has one slot, and no other has.
func checkSlots(slots map[string]int, cfg *chapi.VmConfig) error {
	ids := chvmm.DeviceIDs(cfg)
	taken := map[int]string{}
	for _, id := range ids {
		slot := slots[id]
		if slot < 1 || slot > lastSlot || taken[slot] != "" {
			return fmt.Errorf("device %q has the slot %d; devices keep their ids in a snapshot", id, slot)
		}
		taken[slot] = id
	}
	if len(slots) != len(ids) {
		return fmt.Errorf("the snapshot has %d devices and its configuration %d", len(slots), len(ids))
	}
	return nil
}

// load takes the state of a saved machine in.
func (m *machine) load(ctx context.Context, from chvmm.Snapshot) error {
	if err := m.migrate(ctx, "migrate-incoming", filepath.Join(from.Dir, chvmm.MemoryFile)); err != nil {
		return errors.Join(append([]error{err}, m.proc.said()...)...)
	}
	return nil
}

// become makes m what was saved.
func (m *machine) become(state *savedState) {
	m.bootMemory, m.addedMemory = state.BootMemory, state.AddedMemory
}
