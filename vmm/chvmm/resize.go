package chvmm

import (
	"context"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

// memoryStep is the unit in which memory is plugged with the method Acpi.
const memoryStep = 128 << 20

// resize changes the configuration of a VM that does not run, and the machine
// of one that does. What was done before an error stays.
func (v *VMM) resize(ctx context.Context, to chapi.VmResize) error {
	if v.config == nil {
		return errNotCreated
	}
	if v.machine == nil {
		v.resizeConfig(to)
		return nil
	}
	v.emit(vmm.EventResizing)
	ctx, cancel := operationContext(ctx)
	defer cancel()
	if n := to.DesiredVcpus; n != nil {
		if err := v.resizeVCPUs(ctx, *n); err != nil {
			return NewFault("Error from CPU manager", err)
		}
		v.config.Cpus.BootVcpus = *n
	}
	if n := to.DesiredRam; n != nil {
		if err := v.resizeMemory(ctx, *n); err != nil {
			return NewFault("Memory manager error", err)
		}
	}
	if n := to.DesiredBalloon; n != nil {
		if err := v.resizeBalloon(ctx, *n); err != nil {
			return NewFault("Error from device manager", err)
		}
		v.config.Balloon.Size = *n
	}
	v.emit(vmm.EventResized)
	return nil
}

func (v *VMM) resizeConfig(to chapi.VmResize) {
	if to.DesiredVcpus != nil {
		v.config.Cpus.BootVcpus = *to.DesiredVcpus
	}
	if to.DesiredRam != nil {
		v.config.Memory.Size = *to.DesiredRam
	}
	if to.DesiredBalloon != nil && v.config.Balloon != nil {
		v.config.Balloon.Size = *to.DesiredBalloon
	}
}

func (v *VMM) resizeVCPUs(ctx context.Context, n int32) error {
	present, leaving, err := v.machine.VCPUs(ctx)
	switch {
	case err != nil:
		return err
	case n == present:
		return nil
	case n < 1:
		return faultf("Requested zero vCPUs")
	case leaving:
		return errVCPUPending
	case n > v.config.Cpus.MaxVcpus:
		return faultf("Requested vCPUs exceed maximum")
	}
	return v.machine.SetVCPUs(ctx, n)
}

func (v *VMM) resizeMemory(ctx context.Context, to int64) error {
	if v.config.Memory.HotplugMethod == chapi.VirtioMem {
		return v.resizeVirtioMem(ctx, to)
	}
	memory, err := v.machine.Memory(ctx)
	if err != nil {
		return err
	}
	if add := to - memory.Fixed; add > 0 {
		if add%memoryStep != 0 {
			return faultf("The requested hotplug memory addition is not a valid size")
		}
		if err := v.machine.AddMemory(ctx, add); err != nil {
			return err
		}
	}
	// Less memory comes with the next reboot.
	v.config.Memory.Size = to
	return nil
}

func (v *VMM) resizeVirtioMem(ctx context.Context, to int64) error {
	m := v.config.Memory
	switch {
	case to < m.Size:
		return faultf("Invalid resize request: desired_size = %d below boot size = %d", to, m.Size)
	case m.HotplugSize == 0:
		return faultf("No virtio-mem resizing handler found")
	case to-m.Size > m.HotplugSize:
		return NewFault("Failed to virtio-mem resize", faultf("Resize invalid argument"))
	}
	if err := v.machine.SetPlugged(ctx, to-m.Size); err != nil {
		return NewFault("Failed to virtio-mem resize", err)
	}
	m.HotpluggedSize = to - m.Size
	return nil
}

func (v *VMM) resizeBalloon(ctx context.Context, to int64) error {
	if v.config.Balloon == nil {
		return faultf("Missing virtio-balloon, can't proceed as expected")
	}
	if to >= v.config.Memory.Size {
		return faultf("Balloon size (%d) greater than RAM (%d)", to, v.config.Memory.Size)
	}
	return v.machine.SetBalloon(ctx, to)
}
