package suite

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/pinned/pinnedtest"
)

// The whole suite runs with daemons that cannot read each other's files. This
// makes sure of it: what a directory of the other's holds is not what the
// daemon sees there.
func TestDaemonsShareNoFile(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	if s.Remote() {
		t.Skip("the daemons are on two machines")
	}
	if err := harness.Curtained(); err != nil {
		t.Skip(err)
	}
	for name, hidden := range map[string]struct {
		pid  int
		dirs []string
	}{
		"cardplaned": {s.CardPID(), []string{filepath.Join(s.Dir, "run"), filepath.Join(s.Dir, "host")}},
		"vmmd":       {s.HostPID(), []string{filepath.Join(s.Dir, "card"), s.Guest()}},
	} {
		for _, dir := range hidden.dirs {
			if there, err := os.ReadDir(dir); err != nil || len(there) == 0 {
				t.Fatalf("%s is empty (%v), so the test shows nothing", dir, err)
			}
			seen, err := os.ReadDir(filepath.Join(fmt.Sprintf("/proc/%d/root", hidden.pid), dir))
			if err != nil || len(seen) != 0 {
				t.Errorf("%s sees %v in %s (%v), want nothing", name, seen, dir, err)
			}
		}
	}
}

// Card and host may be machines apart: the link is TCP with mutual TLS, and a
// link that shows another certificate leads nowhere.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	harness.NeedGuests(t)
	if harness.DefaultConfig().ComputeHost != "" {
		t.Skip("the emulated compute host has no network but its vsock")
	}
	dir, address := t.TempDir(), freePort(t)
	for _, name := range []string{"host", "card", "other"} {
		pinnedtest.Identity(t, dir, name)
	}
	cfg := harness.DefaultConfig()
	cfg.Reachable = true
	cfg.HostArgs = []string{"--listen", pinnedtest.Endpoint(dir, address, "host", "card")}
	cfg.CardArgs = []string{"--link", pinnedtest.Endpoint(dir, address, "card", "host")}
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	if out, _ := run(t, s, 0, "run", "--rm", "demo/probe", "/probe", "write", "3000000"); out != letters(3_000_000) {
		t.Errorf("%d bytes of output", len(out))
	}
	stranger, err := link.Open(pinnedtest.Endpoint(dir, address, "other", "host"))
	must(t, err)
	defer stranger.Close()
	if _, err := stranger.Host(patient(t)); err == nil {
		t.Error("a stranger was served")
	}
}

// freePort returns an address of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	return l.Addr().String()
}
