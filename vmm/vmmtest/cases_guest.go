package vmmtest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// bootEvents is how every VM begins.
var bootEvents = []vmm.EventKind{vmm.EventVMMStarting, vmm.EventBooting, vmm.EventBooted}

func testLifecycle(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Disks = []chapi.DiskConfig{{Path: b.disk("root"), ImageType: chapi.Raw, Serial: "root"}}
	b.bootGuest(cfg)
	b.expect(bootEvents...)
	info := b.state(chapi.Running)
	if info.MemoryActualSize != cfg.Memory.Size || info.Config.Disks[0].Id != "_disk0" || info.DeviceTree["_disk0"].Id == "" {
		t.Errorf("info %s", marshal(info))
	}
	counters, err := b.vmm.Counters(b.ctx)
	b.ok(err)
	if _, ok := counters["_disk0"]["read_bytes"]; !ok {
		t.Errorf("counters %v", counters)
	}
	b.fails(b.vmm.Boot(b.ctx), "vm_wrong_state", "VM is already created")
	b.fails(b.vmm.Create(b.ctx, cfg), "vm_wrong_state", "VM is already created")

	b.ok(b.vmm.Pause(b.ctx))
	b.state(chapi.Paused)
	b.fails(b.vmm.Pause(b.ctx), "vm_wrong_state", "Invalid transition")
	b.ok(b.vmm.Resume(b.ctx))
	b.fails(b.vmm.Resume(b.ctx), "vm_wrong_state", "Invalid transition")
	b.expect(vmm.EventPausing, vmm.EventPaused, vmm.EventPausing, vmm.EventResuming, vmm.EventResumed, vmm.EventResuming)
	if s.Inert == "" && b.tell("ping") != "pong" {
		t.Error("the guest does not answer after resume")
	}

	b.ok(b.vmm.Pause(b.ctx))
	b.ok(b.vmm.Shutdown(b.ctx))
	b.gone(b.dir + "/vsock")
	b.state(chapi.Created)
	b.fails(b.vmm.Shutdown(b.ctx), "vm_wrong_state", "VM is not running")
	b.ok(b.vmm.Boot(b.ctx))
	b.awaitGuest()
	b.ok(b.vmm.Reboot(b.ctx))
	b.awaitGuest()
	b.ok(b.vmm.Delete(b.ctx))
	b.gone(b.dir + "/vsock")
	b.ok(b.vmm.Delete(b.ctx))
	b.expect(vmm.EventPausing, vmm.EventPaused, vmm.EventShutdown, vmm.EventBooting, vmm.EventBooted,
		vmm.EventRebooting, vmm.EventRebooted, vmm.EventShutdown, vmm.EventDeleted)
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	b.expect(vmm.EventVMMShutdown)
	b.exit(0)
}

// testHotAdd is what hotplug asks of a VMM, whatever the guest makes of it.
func testHotAdd(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	disk := chapi.DiskConfig{Id: "hot", Path: b.disk("hot"), ImageType: chapi.Raw, Serial: "hot"}
	added, err := b.vmm.AddDisk(b.ctx, disk)
	b.ok(err)
	if added.Id != "hot" || added.Bdf == "" {
		t.Errorf("added %+v", added)
	}
	info := b.state(chapi.Running)
	if len(info.Config.Disks) != 1 || info.DeviceTree["hot"].Id != "hot" {
		t.Errorf("info %s", marshal(info))
	}
	_, err = b.vmm.AddDisk(b.ctx, disk)
	b.fails(err, "vmm_failed", "Identifier hot is not unique")
	_, err = b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Path: "/nonexistent/disk", ImageType: chapi.Raw})
	b.fails(err, "vmm_failed", "Error from device manager")
	_, err = b.vmm.AddVsock(b.ctx, chapi.VsockConfig{Cid: 4, Socket: b.dir + "/vsock2"})
	b.fails(err, "vmm_failed", "Too many virtio-vsock devices")
	b.fails(b.vmm.RemoveDevice(b.ctx, "cold"), "vmm_failed", "Failed to find device")
	_, err = b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Path: b.disk("auto"), ImageType: chapi.Raw})
	b.ok(err)
	// The devices are part of the configuration now.
	b.ok(b.vmm.Reboot(b.ctx))
	if disks := b.state(chapi.Running).Config.Disks; len(disks) != 2 || disks[1].Id == "" {
		t.Errorf("disks %s", marshal(disks))
	}
	b.expect(append(bootEvents[:3:3], vmm.EventRebooting, vmm.EventRebooted)...)
}

func testSerial(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.until(func() bool { // the guest takes connections a moment before it says so
		b.wants("ping", "pong")
		return strings.Contains(b.serial(), "VMMTEST-GUEST-READY")
	})
	b.ok(b.vmm.Shutdown(b.ctx))
	if !strings.Contains(b.serial(), "VMMTEST-GUEST-READY") {
		t.Fatal("the serial port's file is lost with the VM")
	}
}

func testVsock(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	if _, err := vsock.Dial(b.ctx, b.dialVsock, 9999); !errors.Is(err, vsock.ErrRefused) {
		t.Errorf("a port without listener gives %v", err)
	}
	conn, err := vsock.Dial(b.ctx, b.dialVsock, guestPort)
	b.ok(err)
	defer func() { _ = conn.Close() }()
	deadline, _ := b.ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	payload := strings.Repeat("0123456789abcdef", 16<<10)
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, "echo\n"+payload)
		sent <- errors.Join(err, conn.(interface{ CloseWrite() error }).CloseWrite())
	}()
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	b.ok(err)
	back, err := io.ReadAll(r)
	b.ok(err)
	b.ok(<-sent)
	if line != "ok\n" || string(back) != payload {
		t.Fatalf("echo gave %q and %d bytes of %d", line, len(back), len(payload))
	}
}

// until asks the guest, whose drivers tell nobody when they are done.
func (b *bench) until(done func() bool) {
	b.Helper()
	for !done() {
		if b.ctx.Err() != nil {
			b.Fatal("the guest does not follow")
		}
	}
}

func testDiskLocked(t *testing.T, s Subject) {
	first, second := newBench(t, s, StartOptions{}), newBench(t, s, StartOptions{})
	path := first.disk("shared")
	disk := func(readonly bool) []chapi.DiskConfig {
		return []chapi.DiskConfig{{Path: path, ImageType: chapi.Raw, Readonly: readonly}}
	}
	cfg := first.guestConfig()
	cfg.Disks = disk(false)
	first.bootGuest(cfg)
	other := second.guestConfig()
	for _, readonly := range []bool{true, false} {
		other.Disks = disk(readonly)
		second.ok(second.vmm.Create(second.ctx, other))
		second.fails(second.vmm.Boot(second.ctx), "vmm_failed", "Another instance likely holds a lock")
		second.ok(second.vmm.Delete(second.ctx))
	}
	first.ok(first.vmm.Delete(first.ctx))
	for _, b := range []*bench{first, second} {
		cfg := b.guestConfig()
		cfg.Disks = disk(true)
		b.ok(b.vmm.Create(b.ctx, cfg))
		b.ok(b.vmm.Boot(b.ctx))
	}
}

func testGuestPowerOff(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.tell("poweroff")
	b.expect(append(bootEvents[:3:3], vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)...)
	b.exit(0)
	b.gone(b.dir + "/vsock")
}

func testGuestPowerOffStay(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{NoShutdown: true})
	b.bootGuest(b.guestConfig())
	b.tell("poweroff")
	b.expect(append(bootEvents[:3:3], vmm.EventShutdown)...)
	b.state(chapi.Created)
	b.ok(b.vmm.Boot(b.ctx))
	b.awaitGuest()
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	b.expect(vmm.EventBooting, vmm.EventBooted, vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)
	b.exit(0)
}

func testPowerButton(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	listens := b.tell("button") == "yes"
	b.ok(b.vmm.PowerButton(b.ctx))
	if !listens {
		s.skip(t, "the guest's kernel has no driver for the button; only the request was tested")
	}
	b.expect(append(bootEvents[:3:3], vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)...)
	b.exit(0)
}

func testGuestReboot(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.tell("reboot")
	b.expect(append(bootEvents[:3:3], vmm.EventRebooting, vmm.EventRebooted)...)
	b.awaitGuest()
	b.state(chapi.Running)
}

// testGuestPanic relies on panic=-1 on the guest's command line.
func testGuestPanic(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.tell("panic")
	b.expect(append(bootEvents[:3:3], vmm.EventGuestPanic, vmm.EventRebooting, vmm.EventRebooted)...)
	if what := b.detail(vmm.EventGuestPanic)["event"]; what != "panic" {
		t.Errorf("the panic's event is %q", what)
	}
	b.awaitGuest()
}

// testGuestPanicStays leaves the VM to the one who watches its events.
func testGuestPanicStays(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.tell("halt")
	b.expect(append(bootEvents[:3:3], vmm.EventGuestPanic)...)
	b.state(chapi.Running)
	b.ok(b.vmm.Reboot(b.ctx))
	b.awaitGuest()
	b.expect(vmm.EventRebooting, vmm.EventRebooted)
}

// testPauseHoldsGuest asks a paused guest, which answers once it runs again. A
// connection from before stays.
func testPauseHoldsGuest(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	conn := b.echo()
	b.ok(b.vmm.Pause(b.ctx))
	asked := make(chan error, 1)
	go func() {
		conn, err := vsock.DialRetry(b.ctx, b.dialVsock, guestPort)
		if err == nil {
			err = conn.Close()
		}
		asked <- err
	}()
	for range 20 {
		b.state(chapi.Paused)
		select {
		case err := <-asked:
			t.Fatalf("a paused guest takes connections (%v)", err)
		default:
		}
	}
	b.ok(b.vmm.Resume(b.ctx))
	b.ok(<-asked)
	conn.speak()
	b.expect(append(bootEvents[:3:3], vmm.EventPausing, vmm.EventPaused, vmm.EventResuming, vmm.EventResumed)...)
}

// echo is a connection whose bytes come back.
type echo struct {
	b    *bench
	conn net.Conn
	r    *bufio.Reader
}

func (b *bench) echo() *echo {
	b.Helper()
	conn, err := vsock.Dial(b.ctx, b.dialVsock, guestPort)
	b.ok(err)
	b.Cleanup(func() { _ = conn.Close() })
	deadline, _ := b.ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	e := &echo{b: b, conn: conn, r: bufio.NewReader(conn)}
	_, err = io.WriteString(conn, "echo\n")
	b.ok(err)
	line, err := e.r.ReadString('\n')
	if err != nil || line != "ok\n" {
		b.Fatalf("echo begins with %q (%v)", line, err)
	}
	e.speak()
	return e
}

// speak sends a line and waits for it.
func (e *echo) speak() {
	e.b.Helper()
	_, err := io.WriteString(e.conn, "anybody there?\n")
	e.b.ok(err)
	line, err := e.r.ReadString('\n')
	if err != nil || line != "anybody there?\n" {
		e.b.Fatalf("a line comes back as %q (%v)", line, err)
	}
}

// testTerminateRunning sends SIGTERM to a VMM whose VM runs.
func testTerminateRunning(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.proc.Terminate()
	b.expect(append(bootEvents[:3:3], vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)...)
	b.exit(0)
	b.gone(b.dir + "/vsock")
}

// testStaleVsock boots where a killed VMM has left its vsock socket: that is
// in the way until somebody removes it.
func testStaleVsock(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.proc.Kill()
	if _, err := os.Lstat(b.dir + "/vsock"); err != nil {
		t.Errorf("a killed VMM removed its vsock socket: %v", err)
	}
	b.launch(StartOptions{Socket: b.socket})
	b.ok(b.vmm.Create(b.ctx, b.guestConfig()))
	b.fails(b.vmm.Boot(b.ctx), "vmm_failed", "Cannot create virtio-vsock backend")
	b.ok(b.vmm.Delete(b.ctx))
	b.ok(os.Remove(b.dir + "/vsock"))
	b.bootGuest(b.guestConfig())
}

// testKilled leaves it to Process.Kill to look for what stays.
func testKilled(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.proc.Kill()
	b.launch(StartOptions{Socket: b.socket})
	_ = os.Remove(b.dir + "/vsock") // a killed VMM leaves it; the real one wants it gone
	b.bootGuest(b.guestConfig())
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	b.expect(append(bootEvents[:3:3], vmm.EventShutdown, vmm.EventDeleted, vmm.EventVMMShutdown)...)
	b.exit(0)
}
