package chvmm

import (
	"context"
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// Platform makes machines from configurations.
type Platform interface {
	// Check returns a *NotSupported for the first thing in cfg that this
	// platform cannot do and that would matter to the guest or its owner. It
	// is called before Start and before every hotplug, with a cfg that is
	// valid and has every default filled in.
	Check(cfg *chapi.VmConfig) error

	// Start makes a machine and lets it run. When it returns nil the vCPUs
	// run. Errors are built from Fault, so that the client gets their chain.
	// Every disk, network interface and vsock device of cfg has an id, and the
	// files that cfg names could be opened a moment ago.
	//
	// Consoles stay the caller's; they are open until Stop has returned.
	Start(ctx context.Context, cfg *chapi.VmConfig, consoles Consoles) (Machine, error)

	// Restore makes a paused machine out of what [Machine.Save] wrote into a
	// directory; otherwise as Start. cfg is the configuration of the saved
	// machine, in which paths, sockets and taps may have changed and ids not.
	Restore(ctx context.Context, cfg *chapi.VmConfig, consoles Consoles, from Snapshot) (Machine, error)
}

// Snapshot is a saved machine.
type Snapshot struct {
	// Dir is the path of the directory.
	Dir string
	// Prefault asks to touch all memory before the guest runs.
	Prefault bool
}

// The files of a snapshot besides the configuration, in the order in which
// [Machine.Save] makes them.
const (
	StateFile  = "state.json"
	MemoryFile = "memory-ranges"
)

// Consoles are the files behind a serial port or console of mode File. Each
// may be nil.
type Consoles struct {
	Serial, Console *os.File
}

// Machine is a VM that runs or is paused. Its methods are called one at a
// time, and none after Stop.
type Machine interface {
	// Pause stops the vCPUs.
	Pause(ctx context.Context) error
	// Resume lets them run on.
	Resume(ctx context.Context) error
	// PowerButton presses the ACPI power button.
	PowerButton(ctx context.Context) error
	// AddDisk plugs a disk in and returns its PCI address.
	AddDisk(ctx context.Context, cfg chapi.DiskConfig) (bdf string, err error)
	// AddNet plugs a network interface in and returns its PCI address.
	AddNet(ctx context.Context, cfg chapi.NetConfig) (bdf string, err error)
	// AddVsock plugs the vsock device in and returns its PCI address.
	AddVsock(ctx context.Context, cfg chapi.VsockConfig) (bdf string, err error)
	// Remove asks the guest to give the device up. The event DeviceRemoved
	// follows once it has; until then a second Remove fails.
	Remove(ctx context.Context, id string) error
	// ResizeDisk gives a disk and its file another length in bytes.
	ResizeDisk(ctx context.Context, id string, bytes int64) error
	// VCPUs returns how many vCPUs there are, and whether the guest has yet to
	// give some of them up.
	VCPUs(ctx context.Context) (present int32, leaving bool, err error)
	// SetVCPUs plugs vCPUs in up to n, or asks the guest to give up all beyond
	// the first n. It is not called while some are leaving.
	SetVCPUs(ctx context.Context, n int32) error
	// Memory returns how much memory the machine has.
	Memory(ctx context.Context) (Memory, error)
	// AddMemory plugs so many bytes in for good.
	AddMemory(ctx context.Context, bytes int64) error
	// SetPlugged asks the guest to use so many bytes of its virtio-mem device.
	SetPlugged(ctx context.Context, bytes int64) error
	// Save writes the paused machine into a directory as StateFile and
	// MemoryFile, which must not exist. The machine stays as it is.
	Save(ctx context.Context, dir string) error
	// Counters returns the I/O counters by device id.
	Counters(ctx context.Context) (chapi.VmCounters, error)
	// SetBalloon asks the guest to give up so many bytes in all.
	SetBalloon(ctx context.Context, bytes int64) error
	// Ballooned returns how many bytes the guest has given up.
	Ballooned(ctx context.Context) (int64, error)
	// Devices returns the machine's devices by id.
	Devices() map[string]chapi.DeviceNode
	// Events returns the channel of what the guest does by itself. It is
	// closed by Stop, or after PoweredOff, Reset and Crashed, which are final:
	// the machine no longer runs, and Stop releases what it holds.
	Events() <-chan MachineEvent
	// Stop pulls the plug and returns when everything is released, the event
	// channel closed. It works in every state.
	Stop(ctx context.Context) error
}

// Memory is how much memory a machine has, in bytes.
type Memory struct {
	// Fixed is that of the boot and what AddMemory has added.
	Fixed int64
	// Plugged is what the guest uses of its virtio-mem device.
	Plugged int64
}

// MachineEventKind says what a guest did.
type MachineEventKind int

// What guests do.
const (
	// PoweredOff is an orderly power-off by the guest.
	PoweredOff MachineEventKind = iota + 1
	// Reset is a reboot, a triple fault, or a panic with panic=N.
	Reset
	// Crashed is the end of the hypervisor below the machine; Err says why.
	Crashed
	// Panicked is a report through the pvpanic device; Detail is the
	// property "event". The machine runs on.
	Panicked
	// DeviceRemoved is the guest's consent to a Remove; Device and BDF are set.
	DeviceRemoved
)

// MachineEvent is something the guest did by itself.
type MachineEvent struct {
	Kind        MachineEventKind
	Device, BDF string
	Detail      string
	Err         error
}
