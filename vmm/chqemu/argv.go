package chqemu

import (
	"fmt"
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// machineType is a q35 without what a cloud guest never uses. Each part that
// is left out saves boot time under translation.
const machineType = "q35,smm=off,hpet=off,vmport=off,sata=off,smbus=off,usb=off,memory-backend=ram"

// codeCache bounds the translated code, in MiB. By default QEMU lets it grow to
// 1 GiB, which whoever limits this process's memory would have to allow.
const codeCache = "256"

// invocation is a QEMU to be started: its arguments, the files it inherits,
// and the devices behind its bridge.
type invocation struct {
	args    []string
	files   []*os.File // descriptors 3, 4, …
	devices []*device
	tty     bool // it owns our standard input and output
}

// qmpFD is the descriptor of the QMP connection in QEMU.
const qmpFD = 3

// argvOf renders cfg. monitor is QEMU's end of the QMP connection; saved is the
// machine that is brought back, nil for a new one.
func argvOf(cfg *chapi.VmConfig, consoles chvmm.Consoles, monitor *os.File, sandbox bool, saved *savedState) *invocation {
	inv := &invocation{files: []*os.File{monitor}}
	inv.add("-machine", machineType)
	inv.add("-accel", "tcg,thread=multi,tb-size="+codeCache)
	inv.add("-cpu", cpuModel(cfg))
	inv.add("-smp", smp(cfg))
	inv.add("-m", memorySize(cfg, saved))
	inv.args = append(inv.args, "-nodefaults", "-no-user-config")
	inv.add("-display", "none")
	inv.add("-action", "reboot=shutdown,shutdown=poweroff,panic=none,watchdog=none")
	if sandbox {
		inv.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	}
	inv.add("-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", qmpFD))
	inv.add("-mon", "chardev=qmp,mode=control")
	inv.option("object", props{
		{"qom-type", "memory-backend-memfd"}, {"id", "ram"}, {"size", bootMemory(cfg, saved)}, {"share", true},
	}.when(prefault(cfg, saved), "prealloc", true).
		when(cfg.Memory.Hugepages, "hugetlb", true).
		when(cfg.Memory.HugepageSize != 0, "hugetlbsize", cfg.Memory.HugepageSize))
	inv.payload(cfg.Payload)
	inv.platform(cfg.Platform)
	inv.consoles(cfg, consoles)
	inv.singletons(cfg)
	inv.option("device", props{{"driver", "pcie-pci-bridge"}, {"id", bridge}})
	inv.memory(cfg, saved)
	inv.plug(cfg, saved)
	if saved != nil {
		// It waits for the state, and then for vm.resume.
		inv.args = append(inv.args, "-S")
		inv.add("-incoming", "defer")
	}
	return inv
}

func (inv *invocation) add(option, argument string) { inv.args = append(inv.args, option, argument) }

func (inv *invocation) option(name string, p props) { inv.add("-"+name, p.argument()) }

// CPU is the model of a processor that QEMU translates: all that it has, but
// for the promises that moving single bytes in a loop is fast ("erms", "fsrm"),
// which hold for no translator. Linux believes them for every copy and every
// page that it clears: without them a guest copies two to three times as fast,
// and boots in nine tenths of the time.
const CPU = "max,erms=off,fsrm=off"

// cpuModel has SVM where the guest may have guests, which is what Cloud
// Hypervisor's "nested" means.
func cpuModel(cfg *chapi.VmConfig) string {
	if *cfg.Cpus.Nested {
		return CPU + ",svm=on"
	}
	return CPU + ",svm=off"
}

func smp(cfg *chapi.VmConfig) string {
	c := cfg.Cpus
	if t := c.Topology; t != nil {
		return fmt.Sprintf("cpus=%d,maxcpus=%d,sockets=%d,dies=%d,cores=%d,threads=%d",
			c.BootVcpus, c.MaxVcpus, t.Packages, t.DiesPerPackage, t.CoresPerDie, t.ThreadsPerCore)
	}
	return fmt.Sprintf("cpus=%d,maxcpus=%d,sockets=1", c.BootVcpus, c.BootVcpus)
}

// bootMemory is the memory that is not plugged in later, in bytes.
func bootMemory(cfg *chapi.VmConfig, saved *savedState) int64 {
	if saved != nil {
		return saved.BootMemory
	}
	return cfg.Memory.Size
}

func prefault(cfg *chapi.VmConfig, saved *savedState) bool {
	if saved != nil {
		return saved.prefault
	}
	return cfg.Memory.Prefault
}

// memorySize renders the size of the memory with what it can grow to.
func memorySize(cfg *chapi.VmConfig, saved *savedState) string {
	size, m := bootMemory(cfg, saved), cfg.Memory
	switch {
	case m.HotplugSize == 0:
		return fmt.Sprintf("%dB", size)
	case m.HotplugMethod == chapi.VirtioMem:
		return fmt.Sprintf("size=%dB,maxmem=%dB", size, size+m.HotplugSize)
	}
	return fmt.Sprintf("size=%dB,slots=%d,maxmem=%dB", size, memorySlots, size+m.HotplugSize)
}

// memory renders what is plugged in besides the memory of the boot.
func (inv *invocation) memory(cfg *chapi.VmConfig, saved *savedState) {
	if m := cfg.Memory; m.HotplugSize > 0 && m.HotplugMethod == chapi.VirtioMem {
		inv.option("object", props{{"qom-type", "memory-backend-memfd"}, {"id", virtioMemory}, {"size", m.HotplugSize}, {"share", true}, {"reserve", false}})
		inv.option("device", props{{"driver", "virtio-mem-pci"}, {"id", virtioMemory + "-device"}, {"memdev", virtioMemory}, {"requested-size", m.HotpluggedSize}})
	}
	if saved == nil {
		return
	}
	for i, size := range saved.AddedMemory {
		d := newDIMM(i, size)
		inv.option(d.backend.option, d.backend.props)
		inv.option("device", d.props)
	}
}

func (inv *invocation) payload(p *chapi.PayloadConfig) {
	inv.add("-kernel", p.Kernel)
	if p.Initramfs != "" {
		inv.add("-initrd", p.Initramfs)
	}
	if p.Cmdline != "" {
		inv.add("-append", p.Cmdline)
	}
}

// platform renders the SMBIOS tables (types 1, 3 and 11).
func (inv *invocation) platform(p *chapi.PlatformConfig) {
	if p == nil {
		return
	}
	system := props{{"type", 1}}.
		when(p.SystemManufacturer != "", "manufacturer", p.SystemManufacturer).
		when(p.SystemProductName != "", "product", p.SystemProductName).
		when(p.SystemVersion != "", "version", p.SystemVersion).
		when(p.SystemSerialNumber != "", "serial", p.SystemSerialNumber).
		when(p.SystemUuid != "", "uuid", p.SystemUuid).
		when(p.SystemSkuNumber != "", "sku", p.SystemSkuNumber).
		when(p.SystemFamily != "", "family", p.SystemFamily)
	if len(system) > 1 {
		inv.option("smbios", system)
	}
	if p.ChassisAssetTag != "" {
		inv.option("smbios", props{{"type", 3}, {"asset", p.ChassisAssetTag}})
	}
	if len(p.OemStrings) == 0 {
		return
	}
	oem := props{{"type", 11}}
	for _, s := range p.OemStrings {
		oem = oem.set("value", s)
	}
	inv.option("smbios", oem)
}

// consoles renders the serial port and the virtio console. Two devices of
// mode Tty share one character device, as they share one terminal.
func (inv *invocation) consoles(cfg *chapi.VmConfig, files chvmm.Consoles) {
	inv.tty = cfg.Serial.Mode == chapi.ConsoleModeTty || cfg.Console.Mode == chapi.ConsoleModeTty
	if inv.tty {
		both := cfg.Serial.Mode == cfg.Console.Mode
		inv.option("chardev", props{{"backend", "stdio"}, {"id", "tty"}, {"signal", false}}.when(both, "mux", true))
	}
	if chardev := inv.chardev("serial0", cfg.Serial.Mode, files.Serial); chardev != "" {
		inv.option("device", props{{"driver", "isa-serial"}, {"chardev", chardev}})
	}
	if chardev := inv.chardev("console0", cfg.Console.Mode, files.Console); chardev != "" {
		inv.option("device", props{{"driver", "virtio-serial-pci"}, {"id", "vserial"}, {"disable-legacy", "on"}})
		inv.option("device", props{{"driver", "virtconsole"}, {"bus", "vserial.0"}, {"chardev", chardev}})
	}
}

// chardev renders the host's side of a console and returns its id, or "" for
// a device that does not exist.
func (inv *invocation) chardev(id string, mode chapi.ConsoleMode, file *os.File) string {
	switch mode {
	case chapi.ConsoleModeTty:
		return "tty"
	case chapi.ConsoleModeFile:
		fd := qmpFD + len(inv.files)
		inv.files = append(inv.files, file)
		inv.add("-add-fd", fmt.Sprintf("fd=%d,set=%d", fd, fd))
		inv.option("chardev", props{{"backend", "file"}, {"id", id}, {"path", fmt.Sprintf("/dev/fdset/%d", fd)}, {"append", true}})
		return id
	case chapi.ConsoleModeNull:
		inv.option("chardev", props{{"backend", "null"}, {"id", id}})
		return id
	}
	return ""
}

// singletons renders the devices that exist at most once and stay.
func (inv *invocation) singletons(cfg *chapi.VmConfig) {
	inv.option("object", props{{"qom-type", "rng-random"}, {"id", "rng"}, {"filename", cfg.Rng.Src}})
	inv.option("device", props{{"driver", "virtio-rng-pci"}, {"rng", "rng"}, {"disable-legacy", "on"}})
	if b := cfg.Balloon; b != nil {
		inv.option("device", props{
			{"driver", "virtio-balloon-pci"}, {"disable-legacy", "on"},
			{"deflate-on-oom", b.DeflateOnOom}, {"free-page-reporting", b.FreePageReporting},
		})
	}
	if cfg.Pvpanic {
		inv.option("device", props{{"driver", "pvpanic-pci"}})
	}
}

// plug renders the devices behind the bridge, in the order of cfg, which is
// the order in which the guest finds them, or where they were when the machine
// was saved.
func (inv *invocation) plug(cfg *chapi.VmConfig, saved *savedState) {
	slot := 0
	place := func(id string) int {
		if saved != nil {
			return saved.Slots[id]
		}
		slot++
		return slot
	}
	for _, d := range cfg.Disks {
		inv.devices = append(inv.devices, newDisk(d, place(d.Id)))
	}
	for _, n := range cfg.Net {
		inv.devices = append(inv.devices, newNet(n, place(n.Id)))
	}
	for _, d := range inv.devices {
		inv.device(d)
	}
	if cfg.Vsock == nil {
		return
	}
	vsock := newVsock(*cfg.Vsock, vhostSocket(*cfg.Vsock), place(cfg.Vsock.Id))
	inv.devices = append(inv.devices, vsock)
	if saved != nil {
		vsock.away = newAway()
		inv.option("device", standIn(vsock.slot))
		return
	}
	inv.device(vsock)
}

func (inv *invocation) device(d *device) {
	inv.option(d.backend.option, d.backend.props)
	inv.option("device", d.props)
}
