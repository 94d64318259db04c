package vmmtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
)

// Environment variables of the opt-in tests.
const (
	// EnvGuestTests turns tests with real guests on when it is "1".
	EnvGuestTests = "CARDPLANE_GUEST_TESTS"
	// EnvGuestDir is a directory with manifest.json and a guest kernel.
	EnvGuestDir = "CARDPLANE_GUEST_DIR"
	// EnvPrograms is a directory with the programs "guest" and "ch-qemu", for
	// running the compiled tests on a machine without Go and checkout.
	EnvPrograms = "CARDPLANE_CONFORMANCE_DIR"
)

// Prebuilt returns the path of a program in the directory that [EnvPrograms]
// names, or "" where it names none.
func Prebuilt(name string) string {
	if dir := os.Getenv(EnvPrograms); dir != "" {
		return filepath.Join(dir, name)
	}
	return ""
}

// defaultGuestDir is where `make` puts the guest's files, below the module's
// root.
const defaultGuestDir = "build/guest/debian"

// manifest is what is needed of manifest.json; rootfs/README.md describes it.
type manifest struct {
	Kernel struct{ File string }
	Initrd *struct{ File string }
}

// NeedGuests skips the test unless tests with real guests are asked for.
func NeedGuests(t testing.TB) {
	t.Helper()
	if os.Getenv(EnvGuestTests) != "1" {
		t.Skipf("tests with real guests run with %s=1", EnvGuestTests)
	}
}

// GuestPayload returns a Subject's Payload: the guest kernel with command
// guest, which it builds once, in an initramfs behind the kernel's own. root is
// the module's root directory.
func GuestPayload(root string) func(testing.TB) chapi.PayloadConfig {
	build := sync.OnceValues(func() ([]byte, error) { return buildGuest(root) })
	return func(t testing.TB) chapi.PayloadConfig {
		t.Helper()
		dir := os.Getenv(EnvGuestDir)
		if dir == "" {
			dir = filepath.Join(root, defaultGuestDir)
		}
		text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil {
			t.Skipf("no guest kernel (%v); run `make guest` or set %s", err, EnvGuestDir)
		}
		var m manifest
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatalf("%s/manifest.json: %v", dir, err)
		}
		guest, err := build()
		if err != nil {
			t.Fatal(err)
		}
		var modules string
		if m.Initrd != nil {
			modules = filepath.Join(dir, m.Initrd.File)
		}
		initramfs := filepath.Join(t.TempDir(), "initramfs")
		if err := writeInitramfs(initramfs, modules, guest); err != nil {
			t.Fatal(err)
		}
		return chapi.PayloadConfig{
			Kernel:    filepath.Join(dir, m.Kernel.File),
			Initramfs: initramfs,
			Cmdline:   "console=ttyS0 quiet panic=-1 rdinit=/vmmtest-guest",
		}
	}
}

// buildGuest compiles command guest, unless there is one.
func buildGuest(root string) ([]byte, error) {
	if path := Prebuilt("guest"); path != "" {
		return os.ReadFile(path)
	}
	dir, err := os.MkdirTemp("", "vmmtest-guest")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	out := filepath.Join(dir, "guest")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "./vmm/vmmtest/guest")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest: %w\n%s", err, text)
	}
	return os.ReadFile(out)
}

// writeInitramfs writes the file at modules, if there is one, and behind it an
// archive with the guest. The kernel unpacks both, in that order.
func writeInitramfs(path, modules string, guest []byte) error {
	var out bytes.Buffer
	if modules != "" {
		content, err := os.ReadFile(modules)
		if err != nil {
			return err
		}
		out.Write(content)
		pad(&out)
	}
	entry(&out, "dev", 0o040755, nil, 0, 0)
	entry(&out, "dev/console", 0o020600, nil, 5, 1)
	entry(&out, "vmmtest-guest", 0o100755, guest, 0, 0)
	entry(&out, "TRAILER!!!", 0, nil, 0, 0)
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// entry appends one file in the "newc" format (initramfs buffer format in the
// kernel's documentation).
func entry(out *bytes.Buffer, name string, mode uint32, content []byte, major, minor uint32) {
	fields := []uint32{0, mode, 0, 0, 1, 0, uint32(len(content)), 0, 0, major, minor, uint32(len(name) + 1), 0}
	_, _ = io.WriteString(out, "070701")
	for _, f := range fields {
		_, _ = fmt.Fprintf(out, "%08X", f)
	}
	out.WriteString(name + "\x00")
	pad(out)
	out.Write(content)
	pad(out)
}

func pad(out *bytes.Buffer) {
	for out.Len()%4 != 0 {
		out.WriteByte(0)
	}
}
