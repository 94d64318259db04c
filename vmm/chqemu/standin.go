package chqemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// QEMU saves no machine that has a vhost-user-vsock device. While the machine
// is paused the device is therefore pulled out behind the guest's back, with
// the register through which a guest ejects devices, and a stand-in takes its
// slot, whose removal is requested at once. The guest finds the request when
// it runs again, on either side of the snapshot: its driver lets go of what it
// takes for its vsock device, and once it has ejected the stand-in, a new vsock
// device is plugged in. No instruction of the guest runs in between.

// standInID is the id in QEMU of the device in the place of vsock.
const standInID = "standin"

// standIn is some device that can be saved; no driver ever looks at it.
func standIn(slot int) props {
	return place("virtio-rng-pci", standInID, slot).set("rng", "/objects/rng")
}

// away is a vsock device with a stand-in in its slot.
type away struct {
	out  chan struct{} // closed when the device is out
	back chan struct{} // closed when it is in again, or has failed to
}

func newAway() *away { return &away{out: make(chan struct{}), back: make(chan struct{})} }

// Registers of ACPI PCI hotplug on q35 (QEMU docs/specs/acpi_pci_hotplug).
const (
	ejectRegister  = 0x0cc8
	selectRegister = 0x0cd0
)

// takeOut puts a stand-in in the place of the vsock device, if there is one.
// The machine is paused.
func (m *machine) takeOut(ctx context.Context) error {
	m.mu.Lock()
	d := m.find(func(d *device) bool { return d.vsock != nil })
	m.mu.Unlock()
	if d == nil {
		return nil
	}
	if d.away != nil {
		there, err := m.standsIn(ctx, d)
		if there || err != nil {
			return err
		}
	}
	return m.swap(ctx, d)
}

// standsIn reports whether the stand-in of d is still there. Where the guest
// has just ejected it, standsIn waits until the device is back.
func (m *machine) standsIn(ctx context.Context, d *device) (bool, error) {
	there, err := m.peripherals(ctx)
	if err != nil || there[standInID] {
		return true, err
	}
	select {
	case <-d.away.back:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (m *machine) swap(ctx context.Context, d *device) error {
	away := newAway()
	m.mu.Lock()
	d.away = away
	m.mu.Unlock()
	if err := m.pull(ctx, d.slot); err != nil {
		return err
	}
	select {
	case <-away.out:
	case <-m.proc.exited:
		return m.proc.evidence()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := m.qmp.Execute(ctx, d.backend.del.name, d.backend.del.args, nil); err != nil {
		return err
	}
	if err := m.qmp.Execute(ctx, "device_add", standIn(d.slot).object(), nil); err != nil {
		return err
	}
	if err := m.qmp.Execute(ctx, "device_del", map[string]any{"id": standInID}, nil); err != nil {
		return err
	}
	// A new back-end waits for the new device, and so do those who dial it.
	m.closeVsock()
	return m.openVsock(*d.vsock)
}

// pull ejects the device at slot as a guest does.
func (m *machine) pull(ctx context.Context, slot int) error {
	var bus int
	where := map[string]any{"path": "/machine/peripheral/" + bridge + "/" + bridge, "property": "acpi-pcihp-bsel"}
	if err := m.qmp.Execute(ctx, "qom-get", where, &bus); err != nil {
		return err
	}
	if err := m.qmp.Execute(ctx, "device_del", map[string]any{"id": qdev(slot)}, nil); err != nil {
		return err
	}
	if err := m.out(ctx, selectRegister, uint32(bus)); err != nil {
		return err
	}
	return m.out(ctx, ejectRegister, 1<<slot)
}

// out writes a doubleword to an I/O port.
func (m *machine) out(ctx context.Context, port uint16, value uint32) error {
	var complaint string
	line := map[string]any{"command-line": fmt.Sprintf("o /w 0x%x 0x%x", port, value)}
	if err := m.qmp.Execute(ctx, "human-monitor-command", line, &complaint); err != nil {
		return err
	}
	if complaint = strings.TrimSpace(complaint); complaint != "" {
		return errors.New(complaint)
	}
	return nil
}

// plugBound is how long QEMU may take to connect to the vsock back-end.
const plugBound = 10 * time.Second

// bringBack plugs the vsock device in again, once the guest has ejected its
// stand-in.
func (m *machine) bringBack() {
	m.mu.Lock()
	d := m.find(func(d *device) bool { return d.away != nil })
	m.mu.Unlock()
	if d == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), plugBound)
	defer cancel()
	err := m.addDevice(ctx, d)
	_ = os.Remove(vhostSocket(*d.vsock))
	m.mu.Lock()
	back := d.away.back
	if err == nil {
		d.away = nil
	}
	m.mu.Unlock()
	close(back)
	if err != nil {
		m.log.WithField("device", d.id).WithError(err).Error("the vsock device does not come back after a snapshot")
	}
}
