package chqemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// quitBound is how long QEMU may take to end when it is told to.
const quitBound = 2 * time.Second

// machine is one QEMU and what belongs to it.
type machine struct {
	platform *Platform
	cfg      *chapi.VmConfig
	log      logrus.FieldLogger

	proc   *process
	qmp    *qmp.Conn
	events chan chvmm.MachineEvent
	stop   chan struct{} // closed by Stop: nobody reads events any more
	owned  sync.WaitGroup

	// What follows is used by one operation at a time.
	bootMemory      int64
	addedMemory     []int64
	memoryRoom      int64 // for addedMemory in all
	hasVirtioMemory bool

	mu      sync.Mutex
	devices map[int]*device // by slot
	vsock   VsockDevice
}

var _ chvmm.Machine = (*machine)(nil)

func newMachine(p *Platform, cfg *chapi.VmConfig) *machine {
	virtio := cfg.Memory.HotplugMethod == chapi.VirtioMem
	m := &machine{
		platform:        p,
		cfg:             cfg,
		log:             p.Log,
		events:          make(chan chvmm.MachineEvent, 8),
		stop:            make(chan struct{}),
		devices:         map[int]*device{},
		bootMemory:      cfg.Memory.Size,
		hasVirtioMemory: virtio && cfg.Memory.HotplugSize > 0,
	}
	if !virtio {
		m.memoryRoom = cfg.Memory.HotplugSize
	}
	return m
}

// start brings QEMU up. When it fails, nothing is left behind.
func (m *machine) start(ctx context.Context, binary string, inv *invocation, conn net.Conn, load func(context.Context) error) (err error) {
	defer func() {
		if err != nil {
			_ = conn.Close()
			m.release()
		}
	}()
	if v := m.cfg.Vsock; v != nil {
		if err := m.openVsock(*v); err != nil {
			return chvmm.NewFault("Error from device manager", err)
		}
	}
	for _, d := range inv.devices {
		m.devices[d.slot] = d
	}
	if m.proc, err = startProcess(binary, inv); err != nil {
		return chvmm.NewFault("Error initializing VM", err)
	}
	_ = inv.files[0].Close() // or the end of QEMU would not end the connection
	if m.qmp, err = qmp.Open(ctx, conn); err != nil {
		m.proc.kill()
		return startFault(err, m.proc.evidence())
	}
	if err := checkVersion(m.qmp.Version()); err != nil {
		return err
	}
	if err := load(ctx); err != nil {
		return chvmm.NewFault("Error initializing VM", err)
	}
	m.owned.Go(m.follow)
	return nil
}

// settle does what can only be done once QEMU runs.
func (m *machine) settle(ctx context.Context) error {
	if m.cfg.Vsock != nil {
		// QEMU is connected, so the name has served its purpose.
		_ = os.Remove(vhostSocket(*m.cfg.Vsock))
	}
	if b := m.cfg.Balloon; b != nil && b.Size > 0 {
		return m.SetBalloon(ctx, b.Size)
	}
	return nil
}

// openVsock makes the back-end of the vsock device and runs it. A socket that a
// killed VMM has left behind is in the way.
func (m *machine) openVsock(v chapi.VsockConfig) error {
	if _, err := os.Lstat(v.Socket); err == nil {
		// As the real one, which removes no socket that it did not make.
		return chvmm.NewFault("Cannot create virtio-vsock backend", fmt.Errorf("bind %s: %w", v.Socket, syscall.EADDRINUSE))
	}
	backend, err := m.platform.Vsock(vhostSocket(v), v.Socket, uint32(v.Cid))
	if err != nil {
		return chvmm.NewFault("Cannot create virtio-vsock backend", err)
	}
	m.mu.Lock()
	m.vsock = backend
	m.mu.Unlock()
	m.owned.Go(func() {
		if err := backend.Serve(context.Background()); err != nil {
			m.log.WithError(err).Error("the vsock device failed")
		}
	})
	return nil
}

// release ends what the machine is made of, in the reverse order.
func (m *machine) release() {
	if m.proc != nil {
		m.proc.kill()
	}
	if m.qmp != nil {
		_ = m.qmp.Close()
	}
	m.closeVsock()
	m.owned.Wait()
}

// Stop implements [chvmm.Machine].
func (m *machine) Stop(ctx context.Context) error {
	close(m.stop)
	m.quit(ctx)
	m.release()
	return nil
}

// quit lets QEMU end by itself, which gives a terminal its mode back. Where
// it does not, release kills it.
func (m *machine) quit(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, quitBound)
	defer cancel()
	if err := m.qmp.Execute(ctx, "quit", nil, nil); err != nil && !errors.Is(err, qmp.ErrClosed) {
		m.log.WithError(err).Info("qemu did not quit")
	}
	select {
	case <-m.proc.exited:
	case <-ctx.Done():
	}
}

// Events implements [chvmm.Machine].
func (m *machine) Events() <-chan chvmm.MachineEvent { return m.events }

// follow turns QEMU's events into the machine's until QEMU ends.
func (m *machine) follow() {
	defer close(m.events)
	end := chvmm.MachineEvent{Kind: chvmm.Crashed}
	for e := range m.qmp.Events() {
		switch e.Name {
		case "SHUTDOWN":
			end = shutdownEvent(e.Data)
		case "GUEST_PANICKED":
			m.tell(chvmm.MachineEvent{Kind: chvmm.Panicked, Detail: "panic"})
		case "GUEST_CRASHLOADED":
			m.tell(chvmm.MachineEvent{Kind: chvmm.Panicked, Detail: "crash_loaded"})
		case "DEVICE_DELETED":
			m.deleted(e.Data)
		}
	}
	// QEMU releases locks and files only with its exit.
	select {
	case <-m.proc.exited:
	case <-m.stop:
	}
	if m.stopping() {
		return
	}
	if end.Kind == chvmm.Crashed && end.Err == nil {
		end.Err = m.proc.evidence()
	}
	m.tell(end)
}

// stopping reports whether Stop was called.
func (m *machine) stopping() bool {
	select {
	case <-m.stop:
		return true
	default:
		return false
	}
}

// tell hands an event on unless the machine is being stopped.
func (m *machine) tell(e chvmm.MachineEvent) {
	select {
	case m.events <- e:
	case <-m.stop:
	}
}

// shutdownEvent reads why QEMU ends (QAPI ShutdownCause).
func shutdownEvent(data json.RawMessage) chvmm.MachineEvent {
	var why struct{ Reason string }
	if err := json.Unmarshal(data, &why); err != nil {
		return chvmm.MachineEvent{Kind: chvmm.Crashed, Err: fmt.Errorf("qmp SHUTDOWN: %w", err)}
	}
	switch why.Reason {
	case "guest-shutdown":
		return chvmm.MachineEvent{Kind: chvmm.PoweredOff}
	case "guest-reset":
		return chvmm.MachineEvent{Kind: chvmm.Reset}
	}
	return chvmm.MachineEvent{Kind: chvmm.Crashed, Err: fmt.Errorf("qemu was ended: %s", why.Reason)}
}

// Pause implements [chvmm.Machine].
func (m *machine) Pause(ctx context.Context) error { return m.qmp.Execute(ctx, "stop", nil, nil) }

// Resume implements [chvmm.Machine].
func (m *machine) Resume(ctx context.Context) error { return m.qmp.Execute(ctx, "cont", nil, nil) }

// VCPUs implements [chvmm.Machine].
func (m *machine) VCPUs(context.Context) (int32, bool, error) {
	return m.cfg.Cpus.BootVcpus, false, nil
}

// SetVCPUs implements [chvmm.Machine]. Linux uses no CPU that is plugged in
// later unless it knows its hypervisor, and it does not know the translator;
// and after the removal of a vCPU the translator saves no machine any more and
// cannot take one back (QEMU 10.0).
func (m *machine) SetVCPUs(context.Context, int32) error {
	return &chvmm.NotSupported{
		Feature: "vm.resize desired_vcpus",
		Reason:  "translated vCPUs of a running VM are fixed; reboot with another cpus.boot_vcpus",
	}
}

// PowerButton implements [chvmm.Machine].
func (m *machine) PowerButton(ctx context.Context) error {
	return m.qmp.Execute(ctx, "system_powerdown", nil, nil)
}
