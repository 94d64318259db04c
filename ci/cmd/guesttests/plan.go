package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardplane/cardplane/ci/computehost"
	"github.com/cardplane/cardplane/vmm/kvm"
)

// facts are what decides over the lanes.
type facts struct {
	// kvm is why hardware virtualisation cannot be used here, or nil.
	kvm error
	// cloudHypervisor is why the program cannot be used, or nil.
	cloudHypervisor error
	// accel is what an emulated compute host would run on.
	accel computehost.Accel
}

func lookAround() facts {
	_, err := computehost.CloudHypervisor()
	return facts{kvm: kvm.Usable(), cloudHypervisor: err, accel: computehost.ChooseAccel()}
}

// place is where a lane's VMM runs.
type place int

const (
	onThisMachine place = iota
	inComputeHost
)

// lane is one VMM in one place, which all tests are run on.
type lane struct {
	vmm   string
	place place
	// why says why the lane is run so, or why it is not run and what to do.
	why string
	// skipped tells that it is not run.
	skipped bool
}

func (l lane) String() string {
	if l.place == inComputeHost {
		return l.vmm + " in the emulated compute host"
	}
	return l.vmm + " on this machine"
}

const (
	chQEMU          = "ch-qemu"
	cloudHypervisor = "cloud-hypervisor"
)

// plan chooses the lanes by what the machine has.
func plan(f facts) []lane {
	always := lane{vmm: chQEMU, why: "it needs nothing but QEMU"}
	switch {
	case f.cloudHypervisor != nil:
		return []lane{always, {vmm: cloudHypervisor, skipped: true, why: f.cloudHypervisor.Error()}}
	case f.kvm == nil:
		return []lane{always, {vmm: cloudHypervisor, why: "KVM is usable"}}
	}
	return []lane{always, {
		vmm: cloudHypervisor, place: inComputeHost,
		why: fmt.Sprintf("KVM cannot be used here, because %v; the host runs %s", f.kvm, f.accel.Reason),
	}}
}

// require fails unless a lane whose name contains text is run.
func require(lanes []lane, text string) error {
	for _, l := range lanes {
		if !l.skipped && strings.Contains(l.String(), text) {
			return nil
		}
	}
	var errs []error
	for _, l := range lanes {
		errs = append(errs, fmt.Errorf("%s: %s", l, l.why))
	}
	return fmt.Errorf("no lane %q is run: %w", text, errors.Join(errs...))
}

// guestFor is the guest artefacts of a lane: our own kernel where it is built,
// because emulated inside an emulated host each boot counts.
func guestFor(l lane, root string) string {
	own := filepath.Join(root, "build", "guest", "own")
	if _, err := os.Stat(filepath.Join(own, "manifest.json")); err == nil && l.place == inComputeHost {
		return own
	}
	return filepath.Join(root, "build", "guest", "debian")
}
