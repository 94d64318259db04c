package vmmtest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/vmm/vmmtest"
)

// root is the module's root directory, seen from this package.
const root = "../.."

// buildDir holds what chQEMU builds; TestMain removes it.
var buildDir string

// chQEMU builds ch-qemu once per test run, unless there is one.
var chQEMU = sync.OnceValues(func() (string, error) {
	if path := vmmtest.Prebuilt("ch-qemu"); path != "" {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "vmmtest-ch-qemu")
	if err != nil {
		return "", err
	}
	buildDir = dir
	binary := filepath.Join(dir, "ch-qemu")
	cmd := exec.Command("go", "build", "-o", binary, "./vmm/cmd/ch-qemu")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	return binary, cmd.Run()
})

func chQEMUSubject(t *testing.T) vmmtest.Subject {
	t.Helper()
	binary, err := chQEMU()
	if err != nil {
		t.Fatalf("build ch-qemu: %v", err)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	return vmmtest.Subject{
		Name:        "ch-qemu",
		Start:       vmmtest.StartProgram(binary),
		Payload:     vmmtest.GuestPayload(absolute),
		Differences: vmmtest.OfChQEMU,
		Report:      &report,
	}
}

func TestChQEMU(t *testing.T) { vmmtest.Run(t, chQEMUSubject(t)) }

func TestChQEMUGuests(t *testing.T) {
	vmmtest.NeedGuests(t)
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		report.Absent(t, "ch-qemu", "qemu-system-x86_64 is not in PATH; on Debian 12: apt-get install qemu-system-x86/bookworm-backports")
	}
	vmmtest.RunGuests(t, chQEMUSubject(t))
}
