package vmmtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sort"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// fakePlatform runs machines made of Go code. It supports everything, in that
// it ignores everything but disks, network interfaces and vsock.
type fakePlatform struct{ guest *FakeGuest }

var _ chvmm.Platform = fakePlatform{}

// Check implements [chvmm.Platform].
func (fakePlatform) Check(*chapi.VmConfig) error { return nil }

// Start implements [chvmm.Platform].
func (p fakePlatform) Start(ctx context.Context, cfg *chapi.VmConfig, consoles chvmm.Consoles) (chvmm.Machine, error) {
	p.guest.Remember("")
	m, err := p.newMachine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if p.guest.Boot != nil && consoles.Serial != nil {
		p.guest.Boot(consoles.Serial)
	}
	p.guest.setMachine(m)
	return m, nil
}

func (p fakePlatform) newMachine(ctx context.Context, cfg *chapi.VmConfig) (*fakeMachine, error) {
	m := &fakeMachine{
		guest:   p.guest,
		events:  make(chan chvmm.MachineEvent, backlog),
		devices: map[string]*fakeDevice{},
		running: make(chan struct{}),
		size: fakeSize{
			VCPUs: cfg.Cpus.BootVcpus, Fixed: cfg.Memory.Size, Plugged: cfg.Memory.HotpluggedSize,
			Room: cfg.Memory.HotplugSize,
		},
	}
	close(m.running)
	if err := m.plugAll(ctx, cfg); err != nil {
		return nil, errors.Join(err, m.Stop(ctx))
	}
	return m, nil
}

// backlog is how many events of a fake guest may wait.
const backlog = 256

type fakeMachine struct {
	guest  *FakeGuest
	events chan chvmm.MachineEvent
	owned  sync.WaitGroup

	mu      sync.Mutex
	devices map[string]*fakeDevice
	stopped bool
	paused  bool
	running chan struct{} // closed while the guest runs
	later   []func()      // what the guest does as soon as it runs
	size    fakeSize
	next    int
}

var _ chvmm.Machine = (*fakeMachine)(nil)

type fakeDevice struct {
	bdf    string
	serial string   // of a disk
	mac    string   // of a network interface
	file   *os.File // of a disk, locked
	leaves bool     // the guest was asked to give it up
	vsock  net.Listener

	bytes, ops uint64 // written or sent
}

func (m *fakeMachine) plugAll(ctx context.Context, cfg *chapi.VmConfig) error {
	for _, d := range cfg.Disks {
		if _, err := m.AddDisk(ctx, d); err != nil {
			return err
		}
	}
	for _, n := range cfg.Net {
		if _, err := m.AddNet(ctx, n); err != nil {
			return err
		}
	}
	if cfg.Vsock != nil {
		_, err := m.AddVsock(ctx, *cfg.Vsock)
		return err
	}
	return nil
}

func (m *fakeMachine) plug(id string, d *fakeDevice) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	d.bdf = fmt.Sprintf("0000:00:%02x.0", m.next)
	m.devices[id] = d
	return d.bdf, nil
}

// AddDisk implements [chvmm.Machine]. It locks the file as the real one does.
func (m *fakeMachine) AddDisk(_ context.Context, cfg chapi.DiskConfig) (string, error) {
	flags, lock := os.O_RDWR, int16(unix.F_WRLCK)
	if cfg.Readonly {
		flags, lock = os.O_RDONLY, unix.F_RDLCK
	}
	f, err := os.OpenFile(cfg.Path, flags, 0)
	if err != nil {
		return "", err
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: lock}); err != nil {
		_ = f.Close()
		return "", chvmm.NewFault("Error locking disk images: Another instance likely holds a lock", err)
	}
	return m.plug(cfg.Id, &fakeDevice{serial: cfg.Serial, file: f})
}

// AddNet implements [chvmm.Machine].
func (m *fakeMachine) AddNet(_ context.Context, cfg chapi.NetConfig) (string, error) {
	return m.plug(cfg.Id, &fakeDevice{mac: cfg.Mac})
}

// AddVsock implements [chvmm.Machine].
func (m *fakeMachine) AddVsock(_ context.Context, cfg chapi.VsockConfig) (string, error) {
	l, err := net.Listen("unix", cfg.Socket)
	if err != nil {
		return "", chvmm.NewFault("Cannot create virtio-vsock backend", err)
	}
	m.owned.Go(func() { m.serveVsock(l) })
	return m.plug(cfg.Id, &fakeDevice{vsock: l})
}

// Remove implements [chvmm.Machine]. The guest agrees as soon as it runs.
func (m *fakeMachine) Remove(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.devices[id]
	if d == nil {
		return fmt.Errorf("no device %s", id)
	}
	if d.leaves {
		return fmt.Errorf("the removal of %s is under way", id)
	}
	d.leaves = true
	m.guestDoesLocked(func() {
		delete(m.devices, id)
		d.close()
		m.tellLocked(chvmm.MachineEvent{Kind: chvmm.DeviceRemoved, Device: id, BDF: d.bdf})
	})
	return nil
}

// guestDoesLocked does what the guest is asked for, now or once it runs.
func (m *fakeMachine) guestDoesLocked(do func()) {
	if m.paused {
		m.later = append(m.later, do)
		return
	}
	do()
}

func (d *fakeDevice) close() {
	if d.file != nil {
		_ = d.file.Close()
	}
	if d.vsock != nil {
		_ = d.vsock.Close()
	}
}

// Pause implements [chvmm.Machine].
func (m *fakeMachine) Pause(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused, m.running = true, make(chan struct{})
	return nil
}

// Resume implements [chvmm.Machine].
func (m *fakeMachine) Resume(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = false
	close(m.running)
	for _, do := range m.later {
		do()
	}
	m.later = nil
	return nil
}

// awaitRunning returns once the guest runs or is gone.
func (m *fakeMachine) awaitRunning() {
	m.mu.Lock()
	running := m.running
	m.mu.Unlock()
	<-running
}

// PowerButton implements [chvmm.Machine].
func (m *fakeMachine) PowerButton(context.Context) error {
	if m.guest.Button != nil {
		m.guest.Button()
	}
	return nil
}

// Counters implements [chvmm.Machine]. Nothing is ever read, and what is
// written and sent is counted by the guest.
func (m *fakeMachine) Counters(context.Context) (chapi.VmCounters, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := chapi.VmCounters{}
	for id, d := range m.devices {
		switch {
		case d.file != nil:
			out[id] = map[string]uint64{"read_bytes": 0, "write_bytes": d.bytes, "read_ops": 0, "write_ops": d.ops}
		case d.mac != "":
			out[id] = map[string]uint64{"rx_bytes": 0, "rx_frames": 0, "tx_bytes": d.bytes, "tx_frames": d.ops}
		}
	}
	return out, nil
}

// Devices implements [chvmm.Machine].
func (m *fakeMachine) Devices() map[string]chapi.DeviceNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]chapi.DeviceNode{}
	for id, d := range m.devices {
		out[id] = chapi.DeviceNode{Id: id, PciBdf: d.bdf}
	}
	return out
}

// Events implements [chvmm.Machine].
func (m *fakeMachine) Events() <-chan chvmm.MachineEvent { return m.events }

// tell sends an event unless the machine is stopped or nobody has read the
// last backlog of them.
func (m *fakeMachine) tell(e chvmm.MachineEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tellLocked(e)
}

func (m *fakeMachine) tellLocked(e chvmm.MachineEvent) {
	if m.stopped {
		return
	}
	select {
	case m.events <- e:
	default:
	}
}

// Stop implements [chvmm.Machine].
func (m *fakeMachine) Stop(context.Context) error {
	m.guest.setMachine(nil)
	m.mu.Lock()
	m.stopped = true
	if m.paused {
		m.paused = false
		close(m.running)
	}
	for _, d := range m.devices {
		d.close()
	}
	m.mu.Unlock()
	m.owned.Wait()
	close(m.events)
	return nil
}

func (m *fakeMachine) serials() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, d := range m.devices {
		if d.file != nil {
			out = append(out, d.serial)
		}
	}
	sort.Strings(out)
	return out
}

func (m *fakeMachine) macs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, d := range m.devices {
		if d.mac != "" {
			out = append(out, d.mac)
		}
	}
	sort.Strings(out)
	return out
}

// disk returns the file of the disk with a serial number, or nil.
func (m *fakeMachine) disk(serial string) *os.File {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.devices {
		if d.file != nil && d.serial == serial {
			return d.file
		}
	}
	return nil
}
