package vmmtest

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

func testDiskHotplug(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.expect(bootEvents...)
	added := b.hotDisk("hot")
	b.until(func() bool { return b.tell("disks") == "hot" })
	b.ok(b.vmm.RemoveDevice(b.ctx, "hot"))
	b.expect(vmm.EventDeviceRemoved)
	if gone := b.detail(vmm.EventDeviceRemoved); gone["id"] != "hot" || gone["bdf"] != added.Bdf {
		t.Errorf("removed %v, added %+v", gone, added)
	}
	b.until(func() bool { return b.tell("disks") == "" })
	b.ok(os.Remove(b.dir + "/hot"))
	if info := b.state(chapi.Running); len(info.Config.Disks) != 0 || info.DeviceTree["hot"].Id != "" {
		t.Errorf("info %s", marshal(info))
	}
	// The same name and file can be used again.
	b.hotDisk("hot")
	b.until(func() bool { return b.tell("disks") == "hot" })
}

// hotDisk adds a disk of 1 MiB whose id, file and serial number is name.
func (b *bench) hotDisk(name string) chapi.PciDeviceInfo {
	b.Helper()
	added, err := b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Id: name, Path: b.disk(name), ImageType: chapi.Raw, Serial: name})
	b.ok(err)
	if added.Id != name || added.Bdf == "" {
		b.Errorf("added %+v", added)
	}
	return added
}

// testSecondRemove asks twice before the guest can have agreed.
func testSecondRemove(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.guestConfig())
	b.hotDisk("hot")
	b.until(func() bool { return b.tell("disks") == "hot" })
	b.ok(b.vmm.Pause(b.ctx))
	b.ok(b.vmm.RemoveDevice(b.ctx, "hot"))
	if err := b.vmm.RemoveDevice(b.ctx, "hot"); err == nil {
		t.Error("a second removal is taken while the first is under way")
	}
	b.ok(b.vmm.Resume(b.ctx))
	b.expect(append(bootEvents[:3:3], vmm.EventPausing, vmm.EventPaused, vmm.EventResuming, vmm.EventResumed, vmm.EventDeviceRemoved)...)
	b.until(func() bool { return b.tell("disks") == "" })
}

func testDiskResize(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Disks = []chapi.DiskConfig{{Id: "data", Path: b.disk("data"), ImageType: chapi.Raw, Serial: "data"}}
	b.bootGuest(cfg)
	b.wants("size data", "1048576")
	for _, size := range []int64{4 << 20, 2 << 20} {
		b.ok(b.vmm.ResizeDisk(b.ctx, "data", size))
		b.until(func() bool { return b.number("size data") == size })
		if info, err := os.Stat(b.dir + "/data"); err != nil || info.Size() != size {
			t.Errorf("the file has another length: %+v %v", info, err)
		}
	}
	b.fails(b.vmm.ResizeDisk(b.ctx, "nobody", 1<<20), "vmm_failed", "Failed to find device")
	b.fails(b.vmm.ResizeDisk(b.ctx, "data", 1000), "vmm_failed", "Disk resize error")
}

func testDiskCounters(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Disks = []chapi.DiskConfig{{Id: "data", Path: b.disk("data"), ImageType: chapi.Raw, Serial: "data"}}
	b.bootGuest(cfg)
	count := func() map[string]uint64 {
		counters, err := b.vmm.Counters(b.ctx)
		b.ok(err)
		return counters["data"]
	}
	before := count()
	b.wants("write data word", "ok")
	b.wants("read data", "word")
	after := count()
	if after["write_bytes"]-before["write_bytes"] != wordLength || after["write_ops"] <= before["write_ops"] {
		t.Errorf("counters %v and, with %d bytes more, %v", before, wordLength, after)
	}
	if text, err := os.ReadFile(b.dir + "/data"); err != nil || !strings.HasPrefix(string(text), "word\x00") {
		t.Errorf("the file begins with %.8q (%v)", text, err)
	}
}

// taps counts the interfaces that were made.
var taps atomic.Uint32

// tap makes a tap interface, or leaves the case.
func (b *bench) tap() string {
	b.Helper()
	if os.Geteuid() != 0 {
		b.subject.skip(b.T, "making a tap needs root")
	}
	name := fmt.Sprintf("vmm%d-%d", os.Getpid()%1e6, taps.Add(1)%1e4)
	tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TAP, Flags: netlink.TUNTAP_VNET_HDR | netlink.TUNTAP_NO_PI}
	if err := netlink.LinkAdd(tap); err != nil {
		b.subject.skip(b.T, "taps cannot be made here: "+err.Error())
	}
	b.Cleanup(func() {
		if err := netlink.LinkDel(tap); err != nil {
			b.Error(err)
		}
	})
	if err := netlink.LinkSetUp(tap); err != nil {
		b.Fatal(err)
	}
	return name
}

// testMAC is the address of the cases' network interface.
const testMAC = "02:00:00:00:00:01"

func testNetHotplug(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	name := b.tap()
	b.bootGuest(b.guestConfig())
	b.expect(bootEvents...)
	b.wants("macs", "")
	added, err := b.vmm.AddNet(b.ctx, chapi.NetConfig{Tap: name, Mac: testMAC})
	b.ok(err)
	b.until(func() bool { return b.tell("macs") == testMAC })
	b.sends(added.Id)
	b.ok(b.vmm.RemoveDevice(b.ctx, added.Id))
	b.expect(vmm.EventDeviceRemoved)
	b.wants("macs", "")
	b.ok(b.vmm.Delete(b.ctx))
}

// sends sets the guest's interface up and waits for what it sends.
func (b *bench) sends(id string) {
	b.Helper()
	b.wants("up "+testMAC, "ok")
	b.until(func() bool {
		counters, err := b.vmm.Counters(b.ctx)
		b.ok(err)
		return counters[id]["tx_frames"] > 0 && counters[id]["tx_bytes"] > 0
	})
}

func testNetAtBoot(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Net = []chapi.NetConfig{{Id: "eth", Tap: b.tap(), Mac: testMAC}}
	b.bootGuest(cfg)
	b.wants("macs", testMAC)
	b.sends("eth")
	b.ok(b.vmm.Reboot(b.ctx))
	b.awaitGuest()
	b.wants("macs", testMAC)
	b.ok(b.vmm.Delete(b.ctx))
}
