package system_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/cardplane/system"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newService(t *testing.T, host *hosttest.Host, guest, dataDir string) *system.Service {
	t.Helper()
	artefacts, err := sandbox.OpenArtefacts(guest)
	if err != nil {
		t.Fatal(err)
	}
	return system.New(system.Config{
		Host: sandbox.OverLink(host.Link()), Artefacts: artefacts, Link: host.Endpoint, DataDir: dataDir, Epoch: 3,
	})
}

// byName finds a check.
func byName(t *testing.T, checks []cardplane.Check, name string) cardplane.Check {
	t.Helper()
	for _, c := range checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %q in %+v", name, checks)
	return cardplane.Check{}
}

func TestVersionInfo(t *testing.T) {
	host := hosttest.New(t, nil)
	s := newService(t, host, vmtest.Artefacts(t, "quiet"), t.TempDir())
	v, err := s.VersionInfo(t.Context())
	if err != nil || !v.Host.Reachable || v.Host.Version != "test" || v.Host.VMM != "ch-qemu" || v.GuestKernel != "6.12.0-test" || v.Epoch != 3 {
		t.Errorf("%+v, %v", v, err)
	}
	host.Stop()
	v, err = s.VersionInfo(t.Context())
	if err != nil || v.Host.Reachable || !strings.Contains(v.Host.Detail, "vmmd") {
		t.Errorf("host away: %+v, %v", v, err)
	}
}

func TestDoctor(t *testing.T) {
	host := hosttest.New(t, nil)
	guest, data := vmtest.Artefacts(t, "quiet"), t.TempDir()
	s := newService(t, host, guest, data)
	checks, err := s.Doctor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data-dir", "guest-artefacts", "link"} {
		if c := byName(t, checks, name); c.Status != cardplane.CheckOK || c.Where != "card" || c.Detail == "" {
			t.Errorf("%+v", c)
		}
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 0 {
		t.Errorf("the check left %v behind (%v)", entries, err)
	}

	content, err := os.ReadFile(filepath.Join(guest, "vmlinux"))
	if err != nil {
		t.Fatal(err)
	}
	content[0] ^= 1
	if err := os.WriteFile(filepath.Join(guest, "vmlinux"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	host.Stop()
	if checks, err = s.Doctor(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"data-dir", "disk-space", "guest-artefacts", "link"} {
		if c := byName(t, checks, name); c.Status != cardplane.CheckFail || c.Remedy == "" {
			t.Errorf("%+v", c)
		}
	}
}
