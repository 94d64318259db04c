package host

import (
	"context"
	"runtime"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
)

// api is the generated server's view of a Server.
type api struct{ *Server }

var _ hostapi.StrictServerInterface = api{}

// GetHost implements hostapi.StrictServerInterface.
func (a api) GetHost(context.Context, hostapi.GetHostRequestObject) (hostapi.GetHostResponseObject, error) {
	memory, err := hostMemory()
	if err != nil {
		return nil, err
	}
	h := hostapi.Host{
		Id: a.hostID, BootId: a.bootID, Version: a.cfg.Version,
		Cpus: runtime.NumCPU(), MemoryBytes: memory,
		Vmms:         []hostapi.VMMInfo{},
		Networks:     capability(a.networks.Capability()),
		Ipv6Outbound: capability(network.IPv6Outbound()),
	}
	if h.RunDir, err = usage(a.cfg.RunDir); err != nil {
		return nil, err
	}
	if h.DataDir, err = usage(a.cfg.DataDir); err != nil {
		return nil, err
	}
	for _, vm := range a.machines.List() {
		if vm.State != hostapi.Exited {
			h.Vms++
			h.MemoryAllocatedBytes += vm.Spec.MemoryBytes
		}
	}
	for _, p := range a.cfg.Programs {
		h.Vmms = append(h.Vmms, p.Info)
	}
	if p, err := a.program(hostapi.VMMChoiceAuto); err == nil {
		h.DefaultVmm = &p.Kind
	}
	return hostapi.GetHost200JSONResponse(h), nil
}

// Ping implements hostapi.StrictServerInterface.
func (a api) Ping(context.Context, hostapi.PingRequestObject) (hostapi.PingResponseObject, error) {
	return hostapi.Ping204Response{}, nil
}

// ListChecks implements hostapi.StrictServerInterface.
func (a api) ListChecks(ctx context.Context, _ hostapi.ListChecksRequestObject) (hostapi.ListChecksResponseObject, error) {
	return hostapi.ListChecks200JSONResponse{Checks: a.cfg.Checks(ctx)}, nil
}

// PutVM implements hostapi.StrictServerInterface.
func (a api) PutVM(ctx context.Context, r hostapi.PutVMRequestObject) (hostapi.PutVMResponseObject, error) {
	if err := checkID("VM", r.Id); err != nil {
		return nil, err
	}
	memory, err := hostMemory()
	if err != nil {
		return nil, err
	}
	spec, err := normalSpec(r.Body, memory)
	if err != nil {
		return nil, err
	}
	program, err := a.program(spec.Vmm)
	if err != nil {
		return nil, err
	}
	vm, err := a.machines.Put(ctx, r.Id, spec, program)
	if err != nil {
		return nil, err
	}
	return hostapi.PutVM200JSONResponse(vm), nil
}

// GetVM implements hostapi.StrictServerInterface.
func (a api) GetVM(_ context.Context, r hostapi.GetVMRequestObject) (hostapi.GetVMResponseObject, error) {
	vm, err := a.machines.Get(r.Id)
	if err != nil {
		return nil, err
	}
	return hostapi.GetVM200JSONResponse(vm), nil
}

// ListVMs implements hostapi.StrictServerInterface.
func (a api) ListVMs(context.Context, hostapi.ListVMsRequestObject) (hostapi.ListVMsResponseObject, error) {
	return hostapi.ListVMs200JSONResponse{Vms: a.machines.List()}, nil
}

// Bounds and defaults of the document, in seconds.
const (
	defaultGrace, maxGrace = 5, 300
	defaultWait, maxWait   = 60, 3600
)

// DeleteVM implements hostapi.StrictServerInterface.
func (a api) DeleteVM(_ context.Context, r hostapi.DeleteVMRequestObject) (hostapi.DeleteVMResponseObject, error) {
	grace, err := seconds("graceSeconds", r.Params.GraceSeconds, defaultGrace, maxGrace)
	if err != nil {
		return nil, err
	}
	if err := a.machines.Delete(r.Id, grace); err != nil {
		return nil, err
	}
	return hostapi.DeleteVM204Response{}, nil
}

// WaitVM implements hostapi.StrictServerInterface.
func (a api) WaitVM(ctx context.Context, r hostapi.WaitVMRequestObject) (hostapi.WaitVMResponseObject, error) {
	limit, err := seconds("timeoutSeconds", r.Params.TimeoutSeconds, defaultWait, maxWait)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	vm, err := a.machines.Wait(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return hostapi.WaitVM200JSONResponse(vm), nil
}

// seconds returns a duration parameter within 0 and limit.
func seconds(name string, value *int, byDefault, limit int) (time.Duration, error) {
	n := byDefault
	if value != nil {
		n = *value
	}
	if n < 0 || n > limit {
		return 0, apierr.New(apierr.InvalidArgument, "invalid_parameter",
			"%s %d is out of range; give 0 to %d", name, n, limit)
	}
	return time.Duration(n) * time.Second, nil
}

// program returns the VMM that choice means on this host.
func (s *Server) program(choice hostapi.VMMChoice) (machine.Program, error) {
	reason := "this host has none"
	for _, p := range s.cfg.Programs {
		if choice != hostapi.VMMChoiceAuto && string(choice) != string(p.Info.Kind) {
			continue
		}
		if p.Info.Available {
			return machine.Program{Kind: p.Info.Kind, Path: p.Path}, nil
		}
		reason = p.Info.Reason
	}
	if !choice.Valid() {
		return machine.Program{}, apierr.New(apierr.InvalidArgument, "invalid_vmm",
			"%.40q is no VMM; give auto, cloud-hypervisor or ch-qemu", choice).At("/vmm")
	}
	return machine.Program{}, apierr.New(apierr.NotSupported, "vmm_unavailable",
		"VMM %q cannot be used on this host: %s", choice, reason).At("/vmm")
}
