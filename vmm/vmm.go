package vmm

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/ping"
)

// serverURL is the base of every request; the host part is never resolved.
const serverURL = "http://localhost/api/v1"

// VMM is a handle on one VMM process. It is safe for concurrent use, but the
// VMM serves requests one after another: a slow call delays every other one.
type VMM struct {
	http *http.Client
	api  *chapi.Client
}

// New returns a handle on the VMM whose API socket dial reaches. It does not
// dial; call [VMM.WaitReady] before the first request to a new process.
func New(dial DialFunc) *VMM {
	client := &http.Client{Transport: newTransport(dial)}
	return &VMM{
		http: client,
		api:  &chapi.Client{Server: serverURL + "/", Client: client},
	}
}

// Close releases idle connections. The VMM and its VM live on.
func (v *VMM) Close() { v.http.CloseIdleConnections() }

// Ping asks the VMM for its version. It fails with vmm_too_old below
// [ping.MinVersion].
func (v *VMM) Ping(ctx context.Context) (chapi.VmmPingResponse, error) {
	pong, err := do[chapi.VmmPingResponse](ctx, opPing, func(ctx context.Context) (*http.Response, error) {
		return v.api.PingVMM(ctx)
	})
	if err != nil {
		return pong, err
	}
	return pong, ping.CheckVersion(pong.Version)
}

// WaitReady pings until the VMM answers and returns the answer. It gives up
// with the last error when ctx is done, or at once with vmm_too_old.
func (v *VMM) WaitReady(ctx context.Context) (chapi.VmmPingResponse, error) {
	var pong chapi.VmmPingResponse
	err := retry(ctx, func() (err error) {
		pong, err = v.Ping(ctx)
		return err
	}, func(err error) bool { return apierr.ClassOf(err) == apierr.Unavailable })
	return pong, err
}

// ShutdownVMM stops the VM hard, deletes it and ends the process with exit
// code 0.
func (v *VMM) ShutdownVMM(ctx context.Context) error {
	return v.put(ctx, opShutdownVMM, v.api.ShutdownVMM)
}

// Create stores cfg. The configuration is checked by Boot, not here. After a
// failure call Delete before the next Create.
func (v *VMM) Create(ctx context.Context, cfg chapi.VmConfig) error {
	return v.done(ctx, opCreate, func(ctx context.Context) (*http.Response, error) {
		return v.api.CreateVM(ctx, cfg)
	})
}

// Boot checks the stored configuration and starts the VM. The guest has only
// begun to boot when it returns. After a failure call Delete.
func (v *VMM) Boot(ctx context.Context) error { return v.put(ctx, opBoot, v.api.BootVM) }

// Delete stops the VM hard if it runs and forgets its configuration. It is
// idempotent.
func (v *VMM) Delete(ctx context.Context) error { return v.put(ctx, opDelete, v.api.DeleteVM) }

// Pause stops the vCPUs of a running VM.
func (v *VMM) Pause(ctx context.Context) error { return v.put(ctx, opPause, v.api.PauseVM) }

// Resume lets a paused VM run on.
func (v *VMM) Resume(ctx context.Context) error { return v.put(ctx, opResume, v.api.ResumeVM) }

// Shutdown pulls the plug of a running or paused VM. Its configuration stays
// and it can be booted again. To ask the guest, use PowerButton.
func (v *VMM) Shutdown(ctx context.Context) error { return v.put(ctx, opShutdown, v.api.ShutdownVM) }

// Reboot pulls the plug and boots again, in the same process.
func (v *VMM) Reboot(ctx context.Context) error { return v.put(ctx, opReboot, v.api.RebootVM) }

// PowerButton presses the ACPI power button. Only a guest that listens reacts,
// and then the process ends.
func (v *VMM) PowerButton(ctx context.Context) error {
	return v.put(ctx, opPowerButton, v.api.PressPowerButton)
}

// Info returns the VM's state and its configuration with every default and
// device id filled in.
func (v *VMM) Info(ctx context.Context) (chapi.VmInfo, error) {
	return do[chapi.VmInfo](ctx, opInfo, func(ctx context.Context) (*http.Response, error) {
		return v.api.GetVMInfo(ctx)
	})
}

// Counters returns the I/O counters by device id and counter name.
func (v *VMM) Counters(ctx context.Context) (chapi.VmCounters, error) {
	return do[chapi.VmCounters](ctx, opCounters, func(ctx context.Context) (*http.Response, error) {
		return v.api.GetVMCounters(ctx)
	})
}

// Resize changes vCPUs, memory or balloon of the VM. The guest follows in its
// own time.
func (v *VMM) Resize(ctx context.Context, to chapi.VmResize) error {
	return v.done(ctx, opResize, func(ctx context.Context) (*http.Response, error) {
		return v.api.ResizeVM(ctx, to)
	})
}

// ResizeDisk gives a disk of a running VM, and its file, a length of so many
// bytes, a multiple of 512.
func (v *VMM) ResizeDisk(ctx context.Context, id string, bytes int64) error {
	return v.done(ctx, opResizeDisk, func(ctx context.Context) (*http.Response, error) {
		return v.api.ResizeDisk(ctx, chapi.VmResizeDisk{Id: id, DesiredSize: bytes})
	})
}

// Snapshot writes a paused VM into dir, an existing directory of the VMM's
// machine. The VM stays paused.
func (v *VMM) Snapshot(ctx context.Context, dir string) error {
	return v.done(ctx, opSnapshot, func(ctx context.Context) (*http.Response, error) {
		return v.api.SnapshotVM(ctx, chapi.VmSnapshotConfig{DestinationUrl: "file://" + dir})
	})
}

// Restore makes a VM from what Snapshot wrote into dir, and lets it run if
// resume is set; otherwise it is paused. The VMM must have no VM. What the old
// VM's sockets left behind has to be removed before.
func (v *VMM) Restore(ctx context.Context, dir string, resume bool) error {
	return v.RestoreFrom(ctx, chapi.RestoreConfig{SourceUrl: "file://" + dir, Resume: resume})
}

// RestoreFrom is Restore with every choice that the VMM offers.
func (v *VMM) RestoreFrom(ctx context.Context, from chapi.RestoreConfig) error {
	return v.done(ctx, opRestore, func(ctx context.Context) (*http.Response, error) {
		return v.api.RestoreVM(ctx, from)
	})
}

// AddDisk plugs a disk in. Where no VM runs it only edits the configuration
// and returns the zero PciDeviceInfo.
func (v *VMM) AddDisk(ctx context.Context, cfg chapi.DiskConfig) (chapi.PciDeviceInfo, error) {
	return do[chapi.PciDeviceInfo](ctx, opAddDisk, func(ctx context.Context) (*http.Response, error) {
		return v.api.AddDisk(ctx, cfg)
	})
}

// AddNet plugs a network interface in; otherwise as AddDisk.
func (v *VMM) AddNet(ctx context.Context, cfg chapi.NetConfig) (chapi.PciDeviceInfo, error) {
	return do[chapi.PciDeviceInfo](ctx, opAddNet, func(ctx context.Context) (*http.Response, error) {
		return v.api.AddNet(ctx, cfg)
	})
}

// AddVsock plugs the vsock device in; otherwise as AddDisk. A VM has one at
// most.
func (v *VMM) AddVsock(ctx context.Context, cfg chapi.VsockConfig) (chapi.PciDeviceInfo, error) {
	return do[chapi.PciDeviceInfo](ctx, opAddVsock, func(ctx context.Context) (*http.Response, error) {
		return v.api.AddVsock(ctx, cfg)
	})
}

// RemoveDevice asks the guest to give a device up. The event device-removed
// tells that it is gone.
func (v *VMM) RemoveDevice(ctx context.Context, id string) error {
	return v.done(ctx, opRemoveDevice, func(ctx context.Context) (*http.Response, error) {
		return v.api.RemoveDevice(ctx, chapi.VmRemoveDevice{Id: id})
	})
}

// call is one generated client method with its arguments bound.
type call func(ctx context.Context) (*http.Response, error)

// put runs a generated method that takes no body.
func (v *VMM) put(ctx context.Context, op operation, method func(context.Context, ...chapi.RequestEditorFn) (*http.Response, error)) error {
	return v.done(ctx, op, func(ctx context.Context) (*http.Response, error) { return method(ctx) })
}

// done runs a call whose answer has no body of interest.
func (v *VMM) done(ctx context.Context, op operation, c call) error {
	_, err := do[struct{}](ctx, op, c)
	return err
}
