package harness

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cardplane/cardplane/ci/computehost"
)

// Environment variables that tests of real guests look at.
const (
	// EnvEnable turns the guest tests on when it is "1".
	EnvEnable = "CARDPLANE_GUEST_TESTS"
	// EnvGuest is the directory of the guest artefacts; build/guest/debian
	// when unset.
	EnvGuest = "CARDPLANE_GUEST_DIR"
	// EnvBin is the directory of the binaries; build/bin when unset.
	EnvBin = "CARDPLANE_BIN_DIR"
	// EnvVMM is the VMM that vmmd has to take: cloud-hypervisor or ch-qemu;
	// its own choice when unset.
	EnvVMM = "CARDPLANE_TEST_VMM"
)

// Root is the top of the checkout.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// DefaultConfig is what the environment and the checkout say.
func DefaultConfig() Config {
	var args []string
	if vmm := os.Getenv(EnvVMM); vmm != "" {
		args = []string{"--vmm", vmm}
	}
	return Config{
		HostArgs: args,
		Bin:      envOr(EnvBin, filepath.Join(Root(), "build", "bin")),
		Guest:    envOr(EnvGuest, filepath.Join(Root(), "build", "guest", "debian")),
		// Where it is set, all stacks have their hosts there.
		ComputeHost: os.Getenv(computehost.EnvDir),
	}
}

// NeedGuests skips t unless guest tests are on.
func NeedGuests(t testing.TB) {
	t.Helper()
	if os.Getenv(EnvEnable) != "1" {
		t.Skipf("boots virtual machines; enable with: make build guest images && %s=1 go test ./ci/...", EnvEnable)
	}
}

// ForTest starts a stack for t and closes it with t. A failed test prints
// the daemons' logs.
func ForTest(t testing.TB, cfg Config) *Stack {
	t.Helper()
	NeedGuests(t)
	s, err := Start(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Logs())
		}
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("the stack did not end clean: %v", err)
		}
	})
	return s
}

// Archive returns the path of one of the archives that ci/images.sh makes.
func Archive(name string) string {
	return filepath.Join(Root(), "build", "images", name+".tar")
}

func envOr(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
