package computehost

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cardplane/cardplane/vmm/chqemu"
	"github.com/cardplane/cardplane/vmm/kvm"
)

// Accel is what runs the host's processors.
type Accel struct {
	// KVM tells that it is this machine's KVM, nested; QEMU's translator
	// otherwise.
	KVM bool
	// Reason says why, for people.
	Reason string
}

// ChooseAccel looks at this machine.
func ChooseAccel() Accel {
	if err := kvm.Usable(); err != nil {
		return Accel{Reason: fmt.Sprintf("emulated, because %v", err)}
	}
	for _, maker := range []string{"kvm_intel", "kvm_amd"} {
		text, err := os.ReadFile("/sys/module/" + maker + "/parameters/nested")
		if value := strings.TrimSpace(string(text)); err == nil && (value == "Y" || value == "1") {
			return Accel{KVM: true, Reason: "on this machine's KVM, which nests (" + maker + ")"}
		}
	}
	return Accel{Reason: "emulated, because this machine's KVM does not nest"}
}

// QEMU is the program that runs a host on a. Where it is emulated that is the
// one that ci/host-qemu.sh builds below root, the top of the checkout: those of
// distributions lose guests, for the reason that is told there.
func (a Accel) QEMU(root string) string {
	const name = "qemu-system-x86_64"
	if a.KVM {
		return name
	}
	return filepath.Join(root, "build", "qemu", name)
}

// cpus is how many processors a host has. An emulated one has its only, because
// QEMU's translation of code that another processor writes has lost guests, and
// because the tests that run there wait for one guest at a time.
func (a Accel) cpus() int {
	if a.KVM {
		return 2
	}
	return 1
}

func (a Accel) arguments() []string {
	if a.KVM {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	return []string{"-accel", "tcg,thread=multi", "-cpu", chqemu.CPU + ",svm=on"}
}
