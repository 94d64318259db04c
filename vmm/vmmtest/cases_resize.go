package vmmtest

import (
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

const mib = 1 << 20

// resizable is guestConfig with room for more vCPUs and memory.
func (b *bench) resizable() chapi.VmConfig {
	b.Helper()
	cfg := b.guestConfig()
	cfg.Cpus.MaxVcpus = 3
	cfg.Memory.HotplugSize = 512 * mib
	return cfg
}

func (b *bench) resizeVCPUs(n int32) error {
	return b.vmm.Resize(b.ctx, chapi.VmResize{DesiredVcpus: &n})
}

func (b *bench) resizeRAM(n int64) error { return b.vmm.Resize(b.ctx, chapi.VmResize{DesiredRam: &n}) }

func (b *bench) resizeBalloon(n int64) error {
	return b.vmm.Resize(b.ctx, chapi.VmResize{DesiredBalloon: &n})
}

// testResizeErrors asks for what no VM can do.
func testResizeErrors(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.resizable())
	b.fails(b.resizeVCPUs(4), "vmm_failed", "Requested vCPUs exceed maximum")
	b.fails(b.resizeRAM(256*mib+4096), "vmm_failed", "The requested hotplug memory addition is not a valid size")
	b.fails(b.resizeRAM(2048*mib), "vmm_failed", "Not enough space in the hotplug RAM region")
	b.fails(b.resizeBalloon(mib), "vmm_failed", "Missing virtio-balloon")
	if info := b.state(chapi.Running); info.Config.Cpus.BootVcpus != 1 || info.Config.Memory.Size != 256*mib {
		t.Errorf("info %s", marshal(info))
	}
	b.expect(append(bootEvents[:3:3], vmm.EventResizing, vmm.EventResizing, vmm.EventResizing, vmm.EventResizing)...)
}

func testBalloon(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.guestConfig()
	cfg.Balloon = &chapi.BalloonConfig{Size: 0}
	b.bootGuest(cfg)
	b.expect(bootEvents...)
	for _, held := range []int64{32 * mib, 8 * mib, 0} {
		b.ok(b.resizeBalloon(held))
		b.expect(vmm.EventResizing, vmm.EventResized)
		b.until(func() bool { return b.state(chapi.Running).MemoryActualSize == cfg.Memory.Size-held })
	}
}

// testMemoryACPI grows at once and shrinks with the next reboot.
func testMemoryACPI(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.resizable()
	b.bootGuest(cfg)
	b.expect(bootEvents...)
	had := b.number("memory")
	for _, more := range []int64{128 * mib, 512 * mib} {
		b.ok(b.resizeRAM(cfg.Memory.Size + more))
		b.expect(vmm.EventResizing, vmm.EventResized)
		b.until(func() bool { return b.number("memory") >= had+more*9/10 })
		if info := b.state(chapi.Running); info.Config.Memory.Size != cfg.Memory.Size+more || info.MemoryActualSize != cfg.Memory.Size+more {
			t.Errorf("info %s", marshal(info))
		}
	}
	b.ok(b.resizeRAM(384 * mib))
	b.expect(vmm.EventResizing, vmm.EventResized)
	if now := b.number("memory"); now < had+512*mib*9/10 {
		t.Errorf("a running guest has lost memory: it has %d bytes", now)
	}
	b.ok(b.vmm.Reboot(b.ctx))
	b.awaitGuest()
	if now := b.number("memory"); now > 384*mib || now < had+128*mib*9/10 {
		t.Errorf("after the reboot the guest has %d bytes", now)
	}
}

// testMemoryVirtio grows and shrinks while the guest runs; the latter as far as
// the guest finds memory that it can empty.
func testMemoryVirtio(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.resizable()
	cfg.Memory.HotplugMethod = chapi.VirtioMem
	cfg.Memory.HotpluggedSize = 128 * mib
	b.bootGuest(cfg)
	b.expect(bootEvents...)
	b.fails(b.resizeRAM(128*mib), "vmm_failed", "Invalid resize request")
	b.fails(b.resizeRAM(1024*mib), "vmm_failed", "Resize invalid argument")
	b.expect(vmm.EventResizing, vmm.EventResizing)
	if b.tell("driver virtio_mem") != "yes" {
		s.skip(t, "the guest's kernel has no virtio-mem driver; only refusals were tested")
	}
	had := b.number("memory")
	plugged := func() int64 {
		b.number("memory") // the driver waits for what it has added to be online
		return b.state(chapi.Running).MemoryActualSize - cfg.Memory.Size
	}
	b.until(func() bool { return plugged() == 128*mib })
	b.ok(b.resizeRAM(cfg.Memory.Size + 384*mib))
	b.expect(vmm.EventResizing, vmm.EventResized)
	b.until(func() bool { return plugged() == 384*mib })
	if now := b.number("memory"); now < had+230*mib {
		t.Errorf("the guest had %d bytes and has %d", had, now)
	}
	b.ok(b.resizeRAM(cfg.Memory.Size + 256*mib))
	b.expect(vmm.EventResizing, vmm.EventResized)
	b.until(func() bool { return plugged() < 384*mib })
}

func testVCPUs(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.bootGuest(b.resizable())
	b.expect(bootEvents...)
	b.until(func() bool { return b.number("cpus") == 1 })
	for _, n := range []int32{3, 1, 2} {
		b.ok(b.resizeVCPUs(n))
		b.expect(vmm.EventResizing, vmm.EventResized)
		b.until(func() bool { return b.number("cpus") == int64(n) })
		if got := b.state(chapi.Running).Config.Cpus.BootVcpus; got != n {
			t.Errorf("the configuration says %d vCPUs, want %d", got, n)
		}
		b.until(func() bool { return b.resizeVCPUs(n) == nil }) // there is nothing to do
		b.expect(vmm.EventResizing, vmm.EventResized)
	}
	b.ok(b.vmm.Reboot(b.ctx))
	b.awaitGuest()
	b.until(func() bool { return b.number("cpus") == 2 })
}

// testVCPUsPending takes vCPUs from a guest that cannot give them up.
func testVCPUsPending(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := b.resizable()
	cfg.Cpus.BootVcpus = 2
	b.bootGuest(cfg)
	b.until(func() bool { return b.number("cpus") == 2 })
	b.ok(b.vmm.Pause(b.ctx))
	b.ok(b.resizeVCPUs(1))
	b.fails(b.resizeVCPUs(3), "vmm_busy", "Too Many Requests")
	b.ok(b.vmm.Resume(b.ctx))
	b.until(func() bool { return b.number("cpus") == 1 })
	b.until(func() bool { return b.resizeVCPUs(3) == nil })
	b.until(func() bool { return b.number("cpus") == 3 })
}
