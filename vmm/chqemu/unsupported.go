package chqemu

import (
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// unsupported is one thing that Cloud Hypervisor can do and this cannot.
type unsupported struct {
	feature, reason string
	asked           func(*chapi.VmConfig) bool
}

const (
	noPassThrough = "devices of the host are not passed through"
	noVhostUser   = "vhost-user devices other than vsock are not offered"
	noPlacement   = "PCI addresses are given out in order"
	noIOMMU       = "there is no virtual IOMMU"
)

// unsupportedTable lists what would matter to a guest or its owner. Hints
// about speed that translation makes meaningless are accepted and have no
// effect: cpus.core_scheduling, cpus.kvm_hyperv, cpus.max_phys_bits,
// memory.thp, memory.reserve, net[].queue_size, disks[].lock_granularity.
// cpus.max_vcpus above boot_vcpus is accepted because vm.resize says that it
// cannot use it.
var unsupportedTable = []unsupported{
	{"payload.firmware", "only kernels are booted directly; set payload.kernel", func(c *chapi.VmConfig) bool { return c.Payload.Firmware != "" }},
	{"payload.igvm", "there are no confidential guests", func(c *chapi.VmConfig) bool { return c.Payload.Igvm != "" }},
	{"cpus.affinity", "translated vCPUs are not pinned", func(c *chapi.VmConfig) bool { return len(c.Cpus.Affinity) > 0 }},
	{"cpus.features.amx", "the translator has no AMX", func(c *chapi.VmConfig) bool { return c.Cpus.Features != nil && c.Cpus.Features.Amx }},
	{"memory.mergeable", "guest memory is shared with the vsock back-end and cannot be merged", func(c *chapi.VmConfig) bool { return c.Memory.Mergeable }},
	{"memory.zones", "memory is one zone; set memory.size", func(c *chapi.VmConfig) bool { return len(c.Memory.Zones) > 0 }},
	{"iommu", noIOMMU, func(c *chapi.VmConfig) bool { return c.Iommu }},
	{"watchdog", "QEMU has no virtio watchdog", func(c *chapi.VmConfig) bool { return c.Watchdog }},
	{"platform.num_pci_segments", "there is one PCI segment", func(c *chapi.VmConfig) bool { return c.Platform != nil && c.Platform.NumPciSegments > 1 }},
	{"platform.iommu_segments", noIOMMU, func(c *chapi.VmConfig) bool { return c.Platform != nil && len(c.Platform.IommuSegments) > 0 }},
	{"platform.iommufd", noPassThrough, func(c *chapi.VmConfig) bool { return c.Platform != nil && c.Platform.Iommufd }},
	{"fs", "directories are not shared; add a disk", func(c *chapi.VmConfig) bool { return len(c.Fs) > 0 }},
	{"generic_vhost_user", noVhostUser, func(c *chapi.VmConfig) bool { return len(c.GenericVhostUser) > 0 }},
	{"pmem", "persistent memory is not offered; add a disk", func(c *chapi.VmConfig) bool { return len(c.Pmem) > 0 }},
	{"devices", noPassThrough, func(c *chapi.VmConfig) bool { return len(c.Devices) > 0 }},
	{"user_devices", noPassThrough, func(c *chapi.VmConfig) bool { return len(c.UserDevices) > 0 }},
	{"vdpa", noPassThrough, func(c *chapi.VmConfig) bool { return len(c.Vdpa) > 0 }},
	{"numa", "there is one NUMA node", func(c *chapi.VmConfig) bool { return len(c.Numa) > 0 }},
	{"pci_segments", "there is one PCI segment", func(c *chapi.VmConfig) bool { return len(c.PciSegments) > 0 }},
	{"rate_limit_groups", "I/O is not limited by rate", func(c *chapi.VmConfig) bool { return len(c.RateLimitGroups) > 0 }},
	{"debug_console", "port 0xe9 is not offered; use the serial port", func(c *chapi.VmConfig) bool { return debugConsole(c) }},
	{"rtc", "QEMU 10 has no virtio clock", func(c *chapi.VmConfig) bool { return c.Rtc != nil }},
	{"tpm", "there is no TPM", func(c *chapi.VmConfig) bool { return c.Tpm != nil }},
	{"serial.mode Pty", "use File, Tty or Null", func(c *chapi.VmConfig) bool { return c.Serial.Mode == chapi.ConsoleModePty }},
	{"serial.mode Socket", "use File, Tty or Null", func(c *chapi.VmConfig) bool { return c.Serial.Mode == chapi.ConsoleModeSocket }},
	{"console.mode Pty", "use File, Tty, Null or Off", func(c *chapi.VmConfig) bool { return c.Console.Mode == chapi.ConsoleModePty }},
	{"disks[].image_type", "only Raw is read, and formats are not detected; send \"image_type\": \"Raw\"", anyDisk(func(d *chapi.DiskConfig) bool { return d.ImageType != chapi.Raw })},
	{"disks[].backing_files", "raw files have none", anyDisk(func(d *chapi.DiskConfig) bool { return d.BackingFiles })},
	{"disks[].vhost_user", noVhostUser, anyDisk(func(d *chapi.DiskConfig) bool { return d.VhostUser || d.VhostSocket != "" })},
	{"disks[].rate_limiter_config", "I/O is not limited by rate", anyDisk(func(d *chapi.DiskConfig) bool { return d.RateLimiterConfig != nil || d.RateLimitGroup != "" })},
	{"disks[].queue_affinity", "queues are not pinned", anyDisk(func(d *chapi.DiskConfig) bool { return len(d.QueueAffinity) > 0 })},
	{"disks[].iommu", noIOMMU, anyDisk(func(d *chapi.DiskConfig) bool { return d.Iommu })},
	{"disks[].pci_segment", noPlacement, anyDisk(func(d *chapi.DiskConfig) bool { return d.PciSegment != 0 || d.PciDeviceId != 0 })},
	{"net[].tap", "taps are not made here; name an existing one", anyNet(func(n *chapi.NetConfig) bool { return n.Tap == "" && !n.VhostUser })},
	{"net[].ip", "the tap's address is not set here; set it where the tap is made", anyNet(func(n *chapi.NetConfig) bool { return n.Ip != "" })},
	{"net[].host_mac", "the tap's address is not set here; set it where the tap is made", anyNet(func(n *chapi.NetConfig) bool { return n.HostMac != "" })},
	{"net[].num_queues", "interfaces have one pair of queues", anyNet(func(n *chapi.NetConfig) bool { return n.NumQueues != 2 })},
	{"net[].vhost_user", noVhostUser, anyNet(func(n *chapi.NetConfig) bool { return n.VhostUser || n.VhostSocket != "" })},
	{"net[].rate_limiter_config", "I/O is not limited by rate", anyNet(func(n *chapi.NetConfig) bool { return n.RateLimiterConfig != nil })},
	{"net[].iommu", noIOMMU, anyNet(func(n *chapi.NetConfig) bool { return n.Iommu })},
	{"net[].pci_segment", noPlacement, anyNet(func(n *chapi.NetConfig) bool { return n.PciSegment != 0 || n.PciDeviceId != 0 })},
	{"vsock.iommu", noIOMMU, func(c *chapi.VmConfig) bool { return c.Vsock != nil && c.Vsock.Iommu }},
	{"vsock.pci_segment", noPlacement, func(c *chapi.VmConfig) bool {
		return c.Vsock != nil && (c.Vsock.PciSegment != 0 || c.Vsock.PciDeviceId != 0)
	}},
	{"more than 31 devices", "disks, network interfaces and vsock share one bus", func(c *chapi.VmConfig) bool {
		n := len(c.Disks) + len(c.Net)
		return n > lastSlot || n == lastSlot && c.Vsock != nil
	}},
}

// check returns the first row of the table that cfg asks for.
func check(cfg *chapi.VmConfig) error {
	for _, row := range unsupportedTable {
		if row.asked(cfg) {
			return &chvmm.NotSupported{Feature: row.feature, Reason: row.reason}
		}
	}
	return nil
}

func anyDisk(asked func(*chapi.DiskConfig) bool) func(*chapi.VmConfig) bool {
	return func(cfg *chapi.VmConfig) bool {
		for i := range cfg.Disks {
			if asked(&cfg.Disks[i]) {
				return true
			}
		}
		return false
	}
}

func anyNet(asked func(*chapi.NetConfig) bool) func(*chapi.VmConfig) bool {
	return func(cfg *chapi.VmConfig) bool {
		for i := range cfg.Net {
			if asked(&cfg.Net[i]) {
				return true
			}
		}
		return false
	}
}

// debugConsole reports whether a debug console is wanted; {"mode":"Off"} is
// the same as none.
func debugConsole(cfg *chapi.VmConfig) bool {
	mode, ok := cfg.DebugConsole["mode"]
	return ok && mode != string(chapi.ConsoleModeOff)
}
