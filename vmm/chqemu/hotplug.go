package chqemu

import (
	"context"
	"encoding/json"
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

// plug adds a device at the first free slot.
func (m *machine) plug(ctx context.Context, describe func(slot int) *device) (string, error) {
	slot := m.freeSlot()
	if slot == 0 {
		return "", errBusFull
	}
	d := describe(slot)
	if err := m.addDevice(ctx, d); err != nil {
		return "", err
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

// Remove implements [chvmm.Machine].
func (m *machine) Remove(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.find(func(d *device) bool { return d.id == id })
	switch {
	case d == nil:
		return fmt.Errorf("no device %s", id)
	case d.leaving:
		return fmt.Errorf("the removal of device %s is under way", id)
	case d.away != nil:
		return fmt.Errorf("device %s is being plugged in again after a snapshot; try again", id)
	}
	// The event that it is gone waits for mu.
	err := m.qmp.Execute(ctx, "device_del", map[string]any{"id": qdev(d.slot)}, nil)
	d.leaving = err == nil
	return err
}

// deleted sorts out what is gone. QEMU sends DEVICE_DELETED for inner objects
// too, without an id.
func (m *machine) deleted(data json.RawMessage) {
	var gone struct{ Device string }
	if err := json.Unmarshal(data, &gone); err != nil || gone.Device == "" {
		return
	}
	if gone.Device == standInID {
		m.bringBack()
		return
	}
	m.mu.Lock()
	d := m.find(func(d *device) bool { return qdev(d.slot) == gone.Device })
	m.mu.Unlock()
	switch {
	case d == nil:
	case d.away != nil:
		close(d.away.out)
	default:
		m.unplugged(d)
	}
}

// unplugged completes a removal that the guest has agreed to. The slot stays
// taken until the back-end is gone, because its name comes from the slot.
func (m *machine) unplugged(d *device) {
	ctx, cancel := context.WithTimeout(context.Background(), quitBound)
	defer cancel()
	if err := m.qmp.Execute(ctx, d.backend.del.name, d.backend.del.args, nil); err != nil {
		m.log.WithField("device", d.id).WithError(err).Error("the back-end of a removed device stays")
	}
	if d.vsock != nil {
		m.closeVsock()
	}
	m.mu.Lock()
	delete(m.devices, d.slot)
	m.mu.Unlock()
	m.tell(chvmm.MachineEvent{Kind: chvmm.DeviceRemoved, Device: d.id, BDF: d.bdf()})
}

// ResizeDisk implements [chvmm.Machine].
func (m *machine) ResizeDisk(ctx context.Context, id string, bytes int64) error {
	m.mu.Lock()
	d := m.find(func(d *device) bool { return d.id == id })
	m.mu.Unlock()
	if d == nil {
		return fmt.Errorf("no device %s", id)
	}
	return m.qmp.Execute(ctx, "block_resize", map[string]any{"node-name": d.node, "size": bytes}, nil)
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
