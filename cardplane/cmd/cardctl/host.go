package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/vmm/doctor"
	"github.com/cardplane/cardplane/vmm/kvm"
)

// hostChecks looks at this machine as vmmd would with its defaults. How vmmd
// isolates VMs it tells itself.
func hostChecks(ctx context.Context) []cardplane.Check {
	var out []cardplane.Check
	for _, c := range doctor.Run(ctx, doctor.Config{
		KVM:             kvm.Usable,
		CloudHypervisor: "cloud-hypervisor",
		CHQemu:          beside("ch-qemu"),
		QEMU:            "qemu-system-x86_64",
		RunDir:          "/run/cardplane/vmmd",
		DataDir:         "/var/lib/cardplane/vmmd",
	}) {
		out = append(out, cardplane.Check{Where: "host", Name: c.Name, Status: cardplane.CheckStatus(c.Status), Detail: c.Detail, Remedy: c.Remedy})
	}
	return out
}

// beside returns the path of a program that lies beside this one, else its
// name for PATH.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err != nil {
		return name
	}
	return path
}
