package vmmtest_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/vmm/kvm"
	"github.com/cardplane/cardplane/vmm/vmmtest"
)

// envCloudHypervisor names the program where it is not in PATH.
const envCloudHypervisor = "CARDPLANE_CLOUD_HYPERVISOR"

func cloudHypervisorSubject(t *testing.T) vmmtest.Subject {
	t.Helper()
	binary := os.Getenv(envCloudHypervisor)
	if binary == "" {
		found, err := exec.LookPath("cloud-hypervisor")
		if err != nil {
			report.Absent(t, "cloud-hypervisor", "cloud-hypervisor is not in PATH; install version 53 or later, or set "+envCloudHypervisor)
		}
		binary = found
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return vmmtest.Subject{
		Name:    "cloud-hypervisor",
		Start:   vmmtest.StartProgram(binary),
		Payload: vmmtest.GuestPayload(absolute),
		Report:  &report,
	}
}

// needKVM skips the test with the remedy where err is a lack of KVM.
func needKVM(t *testing.T, err error) {
	t.Helper()
	var lack *kvm.Unusable
	if errors.As(err, &lack) {
		report.Absent(t, "cloud-hypervisor", lack.Error()+"; "+lack.Remedy())
	}
}

// The process needs a /dev/kvm to start at all, but no processor behind it.
func TestCloudHypervisor(t *testing.T) {
	s := cloudHypervisorSubject(t)
	needKVM(t, kvm.Device())
	vmmtest.Run(t, s)
}

// Where only software stands behind /dev/kvm, guests are started and get
// nowhere, which is enough for the cases that are about the VMM alone.
func TestCloudHypervisorGuests(t *testing.T) {
	vmmtest.NeedGuests(t)
	s := cloudHypervisorSubject(t)
	needKVM(t, kvm.Device())
	if err := kvm.Usable(); err != nil {
		s.Inert = err.Error()
	}
	vmmtest.RunGuests(t, s)
}
