package chvmm

import (
	"context"
	"slices"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

// sectorSize is the unit of a disk's length in bytes.
const sectorSize = 512

// addTo stores a device in the configuration, and plugs it into the machine
// where one runs. edit changes the configuration; plug changes the machine
// and takes the device from the edited configuration, where it has an id. The
// result is nil where no machine runs.
func (v *VMM) addTo(ctx context.Context, edit func(*chapi.VmConfig), plug func(context.Context, *chapi.VmConfig) (chapi.PciDeviceInfo, error)) (*chapi.PciDeviceInfo, error) {
	if v.config == nil {
		return nil, errNotCreated
	}
	next := clone(v.config)
	edit(next)
	setDefaults(next)
	if err := validate(next); err != nil {
		return nil, err
	}
	if v.machine == nil {
		v.config = next
		return nil, nil
	}
	if err := v.cfg.Platform.Check(next); err != nil {
		return nil, err
	}
	v.ids.fill(next)
	ctx, cancel := operationContext(ctx)
	defer cancel()
	info, err := plug(ctx, next)
	if err != nil {
		return nil, NewFault("Error from device manager", err)
	}
	v.config = next
	return &info, nil
}

func (v *VMM) addDisk(ctx context.Context, disk chapi.DiskConfig) (*chapi.PciDeviceInfo, error) {
	return v.addTo(ctx, func(cfg *chapi.VmConfig) { cfg.Disks = append(cfg.Disks, disk) },
		func(ctx context.Context, cfg *chapi.VmConfig) (chapi.PciDeviceInfo, error) {
			d := cfg.Disks[len(cfg.Disks)-1]
			if err := checkDisk(d); err != nil {
				return chapi.PciDeviceInfo{}, err
			}
			bdf, err := v.machine.AddDisk(ctx, d)
			return chapi.PciDeviceInfo{Id: d.Id, Bdf: bdf}, err
		})
}

func (v *VMM) addNet(ctx context.Context, nic chapi.NetConfig) (*chapi.PciDeviceInfo, error) {
	return v.addTo(ctx, func(cfg *chapi.VmConfig) { cfg.Net = append(cfg.Net, nic) },
		func(ctx context.Context, cfg *chapi.VmConfig) (chapi.PciDeviceInfo, error) {
			n := cfg.Net[len(cfg.Net)-1]
			bdf, err := v.machine.AddNet(ctx, n)
			return chapi.PciDeviceInfo{Id: n.Id, Bdf: bdf}, err
		})
}

func (v *VMM) addVsock(ctx context.Context, vsock chapi.VsockConfig) (*chapi.PciDeviceInfo, error) {
	if v.config != nil && v.config.Vsock != nil {
		return nil, errTooManyVsock
	}
	return v.addTo(ctx, func(cfg *chapi.VmConfig) { cfg.Vsock = &vsock },
		func(ctx context.Context, cfg *chapi.VmConfig) (chapi.PciDeviceInfo, error) {
			bdf, err := v.machine.AddVsock(ctx, *cfg.Vsock)
			return chapi.PciDeviceInfo{Id: cfg.Vsock.Id, Bdf: bdf}, err
		})
}

func (v *VMM) removeDevice(ctx context.Context, id string) error {
	if v.machine == nil && v.config == nil {
		return errNotCreated
	}
	if v.machine == nil {
		if !removeDevice(v.config, id) {
			return faultf("No device with id %q to remove", id)
		}
		return nil
	}
	if _, ok := v.machine.Devices()[id]; !ok {
		return NewFault("Error from device manager", faultf("Failed to find device corresponding to the given identifier: %s", id))
	}
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if err := v.machine.Remove(ctx, id); err != nil {
		return NewFault("Error from device manager", err)
	}
	// The configuration forgets the device at once, so that a reboot comes
	// up without it.
	removeDevice(v.config, id)
	return nil
}

// resizeDisk works on a VM that runs only, as the real one does.
func (v *VMM) resizeDisk(ctx context.Context, to chapi.VmResizeDisk) error {
	if v.config == nil {
		return errNotCreated
	}
	if v.machine == nil {
		return faultf("Failed resizing a disk image")
	}
	if !slices.ContainsFunc(v.config.Disks, func(d chapi.DiskConfig) bool { return d.Id == to.Id }) {
		return NewFault("Error from device manager", faultf("Failed to find device corresponding to the given identifier: %s", to.Id))
	}
	if to.DesiredSize%sectorSize != 0 {
		return NewFault("Error from device manager", NewFault("Disk resize error", faultf("Invalid size %d: not a multiple of %d", to.DesiredSize, sectorSize)))
	}
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if err := v.machine.ResizeDisk(ctx, to.Id, to.DesiredSize); err != nil {
		return NewFault("Error from device manager", NewFault("Disk resize error", err))
	}
	return nil
}

func (v *VMM) info(ctx context.Context) (chapi.VmInfo, error) {
	if v.config == nil {
		return chapi.VmInfo{}, errNotCreated
	}
	info := chapi.VmInfo{Config: *v.config, State: chapi.Created, MemoryActualSize: v.config.Memory.Size}
	if v.machine == nil {
		return info, nil
	}
	info.State = v.state
	info.DeviceTree = v.machine.Devices()
	if v.config.Balloon != nil {
		held, err := v.machine.Ballooned(ctx)
		if err != nil {
			return info, NewFault("Error from device manager", err)
		}
		info.MemoryActualSize -= held
	}
	if v.config.Memory.HotplugMethod == chapi.VirtioMem {
		memory, err := v.machine.Memory(ctx)
		if err != nil {
			return info, NewFault("Memory manager error", err)
		}
		info.MemoryActualSize += memory.Plugged
	}
	return info, nil
}

// pause and resume emit their first event before they look at the state, as
// the real VMM does.
func (v *VMM) pause(ctx context.Context) error {
	if v.machine == nil {
		return errNotRunning
	}
	v.emit(vmm.EventPausing)
	if v.state != chapi.Running {
		return v.badTransition("pause", chapi.Paused)
	}
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if err := v.machine.Pause(ctx); err != nil {
		return NewFault("Cannot pause VM", err)
	}
	v.state = chapi.Paused
	v.emit(vmm.EventPaused)
	return nil
}

func (v *VMM) resume(ctx context.Context) error {
	if v.machine == nil {
		return errNotRunning
	}
	v.emit(vmm.EventResuming)
	if v.state != chapi.Paused {
		return v.badTransition("resume", chapi.Running)
	}
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if err := v.machine.Resume(ctx); err != nil {
		return NewFault("Cannot resume VM", err)
	}
	v.state = chapi.Running
	v.emit(vmm.EventResumed)
	return nil
}

func (v *VMM) badTransition(verb string, to chapi.VmState) error {
	return NewFault("Cannot "+verb+" VM", NewFault("Failed to "+verb+" migratable component",
		faultf("Invalid transition: InvalidStateTransition(%s, %s)", v.state, to)))
}
