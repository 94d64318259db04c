package sandbox

import (
	"context"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// Leave takes a start as far as step: "process", "created" or "booted".
func (m *Manager) Leave(ctx context.Context, spec Spec, step string) {
	vm, err := m.tryMakeVM(ctx, spec, &stopwatch{})
	s := m.attach(ctx, vm)
	defer s.Close()
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if err == nil && step != "process" {
		err = handle.Create(ctx, m.artefacts.vmConfig(spec, vm))
	}
	if err == nil && step == "booted" {
		err = handle.Boot(ctx)
	}
	if err != nil {
		panic(err)
	}
}

// VMConfig returns the configuration for spec with made-up paths, for a host
// that has core scheduling or not.
func (m *Manager) VMConfig(spec Spec, coreScheduling bool) chapi.VmConfig {
	paths := hostapi.VMPaths{Attachments: map[string]string{}, Console: "/run/console", Vsock: "/run/vsock"}
	for _, a := range m.artefacts.vmSpec(spec).Attachments {
		paths.Attachments[a.Name] = "/files/" + a.Name
	}
	return m.artefacts.vmConfig(spec, hostapi.VM{Paths: paths, CoreScheduling: coreScheduling})
}

// LeaveRestored takes a start from a template as far as step: "process" or
// "restored".
func (m *Manager) LeaveRestored(ctx context.Context, spec Spec, step string) {
	spec.template = m.TemplateID(spec)
	vm, err := m.tryMakeVM(ctx, spec, &stopwatch{})
	s := m.attach(ctx, vm)
	defer s.Close()
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if err == nil && step == "restored" {
		err = handle.Restore(ctx, vm.Paths.Snapshot, false)
	}
	if err != nil {
		panic(err)
	}
}

// DiskSpec returns what the host is asked for.
func (a *Artefacts) DiskSpec(d Disk) hostapi.DiskSpec { return a.diskSpec(d) }
