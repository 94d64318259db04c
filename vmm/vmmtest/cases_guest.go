package vmmtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

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
	b.expect(vmm.EventShutdown, vmm.EventBooting, vmm.EventBooted, vmm.EventRebooting, vmm.EventRebooted, vmm.EventShutdown, vmm.EventDeleted)
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
	if text := b.serial(); !strings.Contains(text, "VMMTEST-GUEST-READY") {
		t.Fatalf("the serial port's file holds %q", text)
	}
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

func testDiskHotplug(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.expect(bootEvents...)
	added, err := b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Id: "hot", Path: b.disk("hot"), ImageType: chapi.Raw, Serial: "hot"})
	b.ok(err)
	if added.Id != "hot" || added.Bdf == "" {
		t.Errorf("added %+v", added)
	}
	b.until(func() bool { return b.tell("disks") == "hot" })
	b.ok(b.vmm.RemoveDevice(b.ctx, "hot"))
	b.expect(vmm.EventDeviceRemoved)
	if gone := b.detail(vmm.EventDeviceRemoved); gone["id"] != "hot" || gone["bdf"] != added.Bdf {
		t.Errorf("removed %v, added %+v", gone, added)
	}
	b.until(func() bool { return b.tell("disks") == "" })
	b.ok(os.Remove(b.dir + "/hot"))
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

func testNetHotplug(t *testing.T, s Subject) {
	if os.Geteuid() != 0 {
		t.Skip("making a tap needs root")
	}
	b := newBench(t, s, StartOptions{})
	name := fmt.Sprintf("vmmtest%d", os.Getpid()%1e6)
	tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_VNET_HDR | netlink.TUNTAP_NO_PI}
	if err := netlink.LinkAdd(tap); err != nil {
		t.Skipf("taps cannot be made here: %v", err)
	}
	t.Cleanup(func() { b.ok(netlink.LinkDel(tap)) })
	b.bootGuest(b.guestConfig())
	b.expect(bootEvents...)
	before := b.tell("nets")
	added, err := b.vmm.AddNet(b.ctx, chapi.NetConfig{Tap: name, Mac: "02:00:00:00:00:01"})
	b.ok(err)
	b.until(func() bool { return b.tell("nets") != before })
	counters, err := b.vmm.Counters(b.ctx)
	b.ok(err)
	if _, ok := counters[added.Id]["rx_bytes"]; !ok {
		t.Errorf("counters %v of %+v", counters, added)
	}
	b.ok(b.vmm.RemoveDevice(b.ctx, added.Id))
	b.expect(vmm.EventDeviceRemoved)
	b.ok(b.vmm.Delete(b.ctx))
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
		t.Skip("the guest's kernel has no driver for the button; only the request was tested")
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

func testBalloon(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Balloon = &chapi.BalloonConfig{Size: 0}
	b.bootGuest(cfg)
	b.expect(bootEvents...)
	held := int64(32 << 20)
	b.ok(b.vmm.Resize(b.ctx, chapi.VmResize{DesiredBalloon: &held}))
	b.expect(vmm.EventResizing, vmm.EventResized)
	b.until(func() bool { return b.state(chapi.Running).MemoryActualSize == cfg.Memory.Size-held })
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
