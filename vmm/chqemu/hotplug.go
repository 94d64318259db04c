package chqemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

var errBusFull = &chvmm.Fault{Text: "Failed to find an available PCI device ID"}

// AddDisk implements [chvmm.Machine].
func (m *machine) AddDisk(ctx context.Context, d chapi.DiskConfig) (string, error) {
	return m.plug(ctx, func(slot int) *device { return newDisk(d, slot) })
}

// AddNet implements [chvmm.Machine].
func (m *machine) AddNet(ctx context.Context, n chapi.NetConfig) (string, error) {
	return m.plug(ctx, func(slot int) *device { return newNet(n, slot) })
}

// AddVsock implements [chvmm.Machine].
func (m *machine) AddVsock(ctx context.Context, v chapi.VsockConfig) (string, error) {
	if err := m.openVsock(v); err != nil {
		return "", err
	}
	path := vhostSocket(v)
	bdf, err := m.plug(ctx, func(slot int) *device { return newVsock(v, path, slot) })
	_ = os.Remove(path)
	if err != nil {
		m.closeVsock()
	}
	return bdf, err
}

// plug adds a device at the first free slot: its back-end first, and that is
// taken away again when the guest's side fails.
func (m *machine) plug(ctx context.Context, describe func(slot int) *device) (string, error) {
	slot := m.freeSlot()
	if slot == 0 {
		return "", errBusFull
	}
	d := describe(slot)
	if err := m.qmp.Execute(ctx, d.backend.add.name, d.backend.add.args, nil); err != nil {
		return "", err
	}
	if err := m.qmp.Execute(ctx, "device_add", d.props.object(), nil); err != nil {
		undo := m.qmp.Execute(context.WithoutCancel(ctx), d.backend.del.name, d.backend.del.args, nil)
		return "", errors.Join(err, undo)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.devices[slot] = d
	return d.bdf(), nil
}

func (m *machine) freeSlot() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	for slot := 1; slot <= lastSlot; slot++ {
		if m.devices[slot] == nil {
			return slot
		}
	}
	return 0
}

// Remove implements [chvmm.Machine]. QEMU refuses a second request while the
// guest considers the first.
func (m *machine) Remove(ctx context.Context, id string) error {
	m.mu.Lock()
	d := m.find(func(d *device) bool { return d.id == id })
	m.mu.Unlock()
	if d == nil {
		return fmt.Errorf("no device %s", id)
	}
	return m.qmp.Execute(ctx, "device_del", map[string]any{"id": qdev(d.slot)}, nil)
}

// unplugged completes a removal that the guest has agreed to. QEMU sends
// DEVICE_DELETED for inner objects too, without an id. The slot stays taken
// until the back-end is gone, because its name comes from the slot.
func (m *machine) unplugged(data json.RawMessage) {
	var gone struct{ Device string }
	if err := json.Unmarshal(data, &gone); err != nil || gone.Device == "" {
		return
	}
	m.mu.Lock()
	d := m.find(func(d *device) bool { return qdev(d.slot) == gone.Device })
	m.mu.Unlock()
	if d == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), quitBound)
	defer cancel()
	if err := m.qmp.Execute(ctx, d.backend.del.name, d.backend.del.args, nil); err != nil {
		m.log.WithField("device", d.id).WithError(err).Error("the back-end of a removed device stays")
	}
	if d.vsock {
		m.closeVsock()
	}
	m.mu.Lock()
	delete(m.devices, d.slot)
	m.mu.Unlock()
	m.tell(chvmm.MachineEvent{Kind: chvmm.DeviceRemoved, Device: d.id, BDF: d.bdf()})
}

// find returns a device that fits, or nil. The caller holds mu.
func (m *machine) find(fits func(*device) bool) *device {
	for _, d := range m.devices {
		if fits(d) {
			return d
		}
	}
	return nil
}

// closeVsock ends the vsock back-end if there is one.
func (m *machine) closeVsock() {
	m.mu.Lock()
	backend := m.vsock
	m.vsock = nil
	m.mu.Unlock()
	if backend == nil {
		return
	}
	if err := backend.Close(); err != nil {
		m.log.WithError(err).Error("the vsock device could not be closed")
	}
}

// Devices implements [chvmm.Machine].
func (m *machine) Devices() map[string]chapi.DeviceNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]chapi.DeviceNode{}
	for _, d := range m.devices {
		out[d.id] = chapi.DeviceNode{Id: d.id, PciBdf: d.bdf()}
	}
	return out
}
