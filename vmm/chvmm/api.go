package chvmm

import (
	"context"
	"errors"
	"os"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// api is the generated server's view of a VMM. Every method runs under the
// VMM's lock, taken by the handler in front of it.
type api struct{ v *VMM }

var _ chapi.StrictServerInterface = api{}

// PingVMM implements GET /vmm.ping.
func (a api) PingVMM(context.Context, chapi.PingVMMRequestObject) (chapi.PingVMMResponseObject, error) {
	return chapi.PingVMM200JSONResponse{
		Version:      a.v.cfg.Version,
		BuildVersion: a.v.cfg.BuildVersion,
		Pid:          int64(os.Getpid()),
		Features:     append([]string{}, a.v.cfg.Features...),
	}, nil
}

// ShutdownVMM implements PUT /vmm.shutdown.
func (a api) ShutdownVMM(ctx context.Context, _ chapi.ShutdownVMMRequestObject) (chapi.ShutdownVMMResponseObject, error) {
	if err := a.v.shutdownVMM(ctx); err != nil {
		return nil, apiFault("The VMM could not shutdown", err)
	}
	return chapi.ShutdownVMM200Response{}, nil
}

// CreateVM implements PUT /vm.create.
func (a api) CreateVM(_ context.Context, r chapi.CreateVMRequestObject) (chapi.CreateVMResponseObject, error) {
	for _, n := range r.Body.Net {
		if err := checkNet(&n); err != nil {
			return nil, err
		}
	}
	if err := a.v.create(r.Body); err != nil {
		return nil, apiFault("The VM could not be created", err)
	}
	return chapi.CreateVM204Response{}, nil
}

// DeleteVM implements PUT /vm.delete.
func (a api) DeleteVM(ctx context.Context, _ chapi.DeleteVMRequestObject) (chapi.DeleteVMResponseObject, error) {
	if err := a.v.delete(ctx); err != nil {
		return nil, apiFault("The VM could not be deleted", err)
	}
	return chapi.DeleteVM204Response{}, nil
}

// BootVM implements PUT /vm.boot.
func (a api) BootVM(ctx context.Context, _ chapi.BootVMRequestObject) (chapi.BootVMResponseObject, error) {
	if err := a.v.boot(ctx); err != nil {
		return nil, apiFault("The VM could not boot", err)
	}
	return chapi.BootVM204Response{}, nil
}

// PauseVM implements PUT /vm.pause.
func (a api) PauseVM(ctx context.Context, _ chapi.PauseVMRequestObject) (chapi.PauseVMResponseObject, error) {
	if err := a.v.pause(ctx); err != nil {
		return nil, apiFault("The VM could not be paused", err)
	}
	return chapi.PauseVM204Response{}, nil
}

// ResumeVM implements PUT /vm.resume.
func (a api) ResumeVM(ctx context.Context, _ chapi.ResumeVMRequestObject) (chapi.ResumeVMResponseObject, error) {
	if err := a.v.resume(ctx); err != nil {
		return nil, apiFault("The VM could not resume", err)
	}
	return chapi.ResumeVM204Response{}, nil
}

// ShutdownVM implements PUT /vm.shutdown.
func (a api) ShutdownVM(ctx context.Context, _ chapi.ShutdownVMRequestObject) (chapi.ShutdownVMResponseObject, error) {
	if err := a.v.shutdownVM(ctx); err != nil {
		return nil, apiFault("The VM could not shutdown", err)
	}
	return chapi.ShutdownVM204Response{}, nil
}

// RebootVM implements PUT /vm.reboot.
func (a api) RebootVM(ctx context.Context, _ chapi.RebootVMRequestObject) (chapi.RebootVMResponseObject, error) {
	if err := a.v.reboot(ctx); err != nil {
		return nil, apiFault("The VM could not reboot", err)
	}
	return chapi.RebootVM204Response{}, nil
}

// PressPowerButton implements PUT /vm.power-button.
func (a api) PressPowerButton(ctx context.Context, _ chapi.PressPowerButtonRequestObject) (chapi.PressPowerButtonResponseObject, error) {
	err := error(errNotRunning)
	if a.v.machine != nil {
		err = a.v.machine.PowerButton(ctx)
	}
	if err != nil {
		return nil, apiFault("Error triggering power button", err)
	}
	return chapi.PressPowerButton204Response{}, nil
}

// GetVMInfo implements GET /vm.info.
func (a api) GetVMInfo(ctx context.Context, _ chapi.GetVMInfoRequestObject) (chapi.GetVMInfoResponseObject, error) {
	info, err := a.v.info(ctx)
	if err != nil {
		return nil, apiFault("The VM info is not available", err)
	}
	return chapi.GetVMInfo200JSONResponse(info), nil
}

// GetVMCounters implements GET /vm.counters.
func (a api) GetVMCounters(ctx context.Context, _ chapi.GetVMCountersRequestObject) (chapi.GetVMCountersResponseObject, error) {
	if a.v.machine == nil {
		return nil, apiFault("The VM info is not available", errNotRunning)
	}
	counters, err := a.v.machine.Counters(ctx)
	if err != nil {
		return nil, apiFault("The VM info is not available", err)
	}
	return chapi.GetVMCounters200JSONResponse(counters), nil
}

// ResizeVM implements PUT /vm.resize.
func (a api) ResizeVM(ctx context.Context, r chapi.ResizeVMRequestObject) (chapi.ResizeVMResponseObject, error) {
	err := a.v.resize(ctx, *r.Body)
	if errors.Is(err, errVCPUPending) {
		return nil, errTooManyRequests
	}
	if err != nil {
		return nil, apiFault("The VM could not be resized", err)
	}
	return chapi.ResizeVM204Response{}, nil
}

// AddDisk implements PUT /vm.add-disk.
func (a api) AddDisk(ctx context.Context, r chapi.AddDiskRequestObject) (chapi.AddDiskResponseObject, error) {
	info, err := a.v.addDisk(ctx, *r.Body)
	if err != nil {
		return nil, apiFault("The disk could not be added to the VM", err)
	}
	if info == nil {
		return chapi.AddDisk204Response{}, nil
	}
	return chapi.AddDisk200JSONResponse{DeviceAddedJSONResponse: chapi.DeviceAddedJSONResponse(*info)}, nil
}

// AddNet implements PUT /vm.add-net.
func (a api) AddNet(ctx context.Context, r chapi.AddNetRequestObject) (chapi.AddNetResponseObject, error) {
	if err := checkNet(r.Body); err != nil {
		return nil, err
	}
	info, err := a.v.addNet(ctx, *r.Body)
	if err != nil {
		return nil, apiFault("The network device could not be added to the VM", err)
	}
	if info == nil {
		return chapi.AddNet204Response{}, nil
	}
	return chapi.AddNet200JSONResponse{DeviceAddedJSONResponse: chapi.DeviceAddedJSONResponse(*info)}, nil
}

// AddVsock implements PUT /vm.add-vsock.
func (a api) AddVsock(ctx context.Context, r chapi.AddVsockRequestObject) (chapi.AddVsockResponseObject, error) {
	info, err := a.v.addVsock(ctx, *r.Body)
	if err != nil {
		return nil, apiFault("The vsock device could not be added to the VM", err)
	}
	if info == nil {
		return chapi.AddVsock204Response{}, nil
	}
	return chapi.AddVsock200JSONResponse{DeviceAddedJSONResponse: chapi.DeviceAddedJSONResponse(*info)}, nil
}

// RemoveDevice implements PUT /vm.remove-device.
func (a api) RemoveDevice(ctx context.Context, r chapi.RemoveDeviceRequestObject) (chapi.RemoveDeviceResponseObject, error) {
	if err := a.v.removeDevice(ctx, r.Body.Id); err != nil {
		return nil, apiFault("The device could not be removed from the VM", err)
	}
	return chapi.RemoveDevice204Response{}, nil
}

// ResizeDisk implements PUT /vm.resize-disk.
func (a api) ResizeDisk(ctx context.Context, r chapi.ResizeDiskRequestObject) (chapi.ResizeDiskResponseObject, error) {
	if err := a.v.resizeDisk(ctx, *r.Body); err != nil {
		return nil, apiFault("The disk could not be resized", err)
	}
	return chapi.ResizeDisk204Response{}, nil
}

// SnapshotVM implements PUT /vm.snapshot.
func (a api) SnapshotVM(ctx context.Context, r chapi.SnapshotVMRequestObject) (chapi.SnapshotVMResponseObject, error) {
	if err := a.v.snapshot(ctx, r.Body.DestinationUrl); err != nil {
		return nil, apiFault("The VM could not be snapshotted", err)
	}
	return chapi.SnapshotVM204Response{}, nil
}

// RestoreVM implements PUT /vm.restore.
func (a api) RestoreVM(ctx context.Context, r chapi.RestoreVMRequestObject) (chapi.RestoreVMResponseObject, error) {
	if err := a.v.restore(ctx, *r.Body); err != nil {
		return nil, apiFault("The VM could not be restored", err)
	}
	return chapi.RestoreVM204Response{}, nil
}

// checkNet refuses what Cloud Hypervisor's JSON decoder refuses in a network
// interface beyond types.
func checkNet(n *chapi.NetConfig) error {
	for _, mac := range []string{n.Mac, n.HostMac} {
		if mac == "" {
			continue
		}
		if err := checkMAC(mac); err != nil {
			return jsonFault(err)
		}
	}
	return nil
}
