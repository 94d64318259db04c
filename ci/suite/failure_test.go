package suite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// changedGuest returns a copy of the guest artefacts with a changed manifest.
func changedGuest(t *testing.T, guest string, change func(manifest map[string]any)) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(guest)
	must(t, err)
	for _, e := range entries {
		if e.Name() != "manifest.json" {
			must(t, os.Symlink(filepath.Join(guest, e.Name()), filepath.Join(dir, e.Name())))
		}
	}
	text, err := os.ReadFile(filepath.Join(guest, "manifest.json"))
	must(t, err)
	var manifest map[string]any
	must(t, json.Unmarshal(text, &manifest))
	change(manifest)
	text, err = json.Marshal(manifest)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600))
	return dir
}

// brokenGuest returns a copy of the guest artefacts whose kernel finds no
// PID 1 and panics.
func brokenGuest(t *testing.T, guest string) string {
	t.Helper()
	return changedGuest(t, guest, func(manifest map[string]any) {
		manifest["cmdline"] = strings.ReplaceAll(manifest["cmdline"].(string), "init=/sbin/guest-agent", "init=/nonexistent")
	})
}

func TestGuestNeverComesUp(t *testing.T) {
	t.Parallel()
	cfg := harness.DefaultConfig()
	harness.NeedGuests(t)
	cfg.Guest = brokenGuest(t, cfg.Guest)
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	_, stderr := run(t, s, 125, "run", "--name", "doomed", "demo/probe", "/probe", "exit", "0")
	if !strings.Contains(stderr, "/nonexistent") {
		t.Errorf("the error does not carry the console's last lines: %s", stderr)
	}
	if out, _ := run(t, s, 0, "inspect", "doomed"); !strings.Contains(out, "guest_boot_failed") {
		t.Errorf("inspect does not say why: %s", out)
	}
	if vms := s.VMs(); len(vms) != 0 {
		t.Errorf("VMs left behind: %v", vms)
	}
}

func TestQEMUIsMissing(t *testing.T) {
	t.Parallel()
	cfg := harness.DefaultConfig()
	if cfg.ComputeHost != "" || os.Getenv(harness.EnvVMM) == "cloud-hypervisor" {
		t.Skip("is about ch-qemu")
	}
	cfg.HostArgs = nil // a vmmd that is told which VMM to take does not start without it
	cfg.HostEnv = []string{"PATH=" + t.TempDir()}
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	_, stderr := run(t, s, 125, "run", "--rm", "demo/probe", "/probe", "exit", "0")
	if !strings.Contains(strings.ToLower(stderr), "qemu") {
		t.Errorf("the error does not name QEMU: %s", stderr)
	}
	stdout, _, _ := finish(t, cardctl(t, s, "doctor"))
	if !strings.Contains(stdout, "qemu") || !strings.Contains(stdout, "fail") {
		t.Errorf("doctor does not see it: %s", stdout)
	}
}

func TestDiskFullWhileLoading(t *testing.T) {
	t.Parallel()
	harness.NeedGuests(t)
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=80m"); err != nil {
		t.Skipf("needs root to mount a small tmpfs: %v", err)
	}
	defer func() { must(t, syscall.Unmount(small, syscall.MNT_DETACH)) }()
	cfg := harness.DefaultConfig()
	cfg.CardArgs = []string{"--data-dir", small}
	s := harness.ForTest(t, cfg)
	free := freeBytes(t, small)
	_, stderr := run(t, s, 1, "load", harness.Archive("python"))
	if !strings.Contains(stderr, "full") {
		t.Errorf("the error does not say that the disk is full: %s", stderr)
	}
	if out, _ := run(t, s, 0, "images", "-q"); out != "" {
		t.Errorf("an image is left: %s", out)
	}
	if lost := free - freeBytes(t, small); lost > 1<<20 {
		t.Errorf("%d bytes are still used", lost)
	}
	load(t, s, "probe") // a smaller one still fits
	must(t, s.Close(t.Context()))
}

func freeBytes(t *testing.T, dir string) int64 {
	t.Helper()
	var st syscall.Statfs_t
	must(t, syscall.Statfs(dir, &st))
	return int64(st.Bfree) * st.Bsize
}

// A program that takes more memory than its machine has is killed, the
// machine survives to tell.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	name := unique(t)
	run(t, s, 137, "run", "--name", name, "-m", "128m", "demo/probe", "/probe", "eat", "1000")
	if out, _ := run(t, s, 0, "inspect", name); !strings.Contains(out, `"oomKilled": true`) || !strings.Contains(out, `"endReason": "guest_oom"`) {
		t.Errorf("inspect does not say so: %s", out)
	}
	if out, _ := run(t, s, 0, "ps", "-a"); !strings.Contains(out, "Exited (137, guest_oom)") {
		t.Errorf("ps does not say so: %s", out)
	}
	run(t, s, 0, "rm", name)
}

// A panic of the guest's kernel is told apart from all else that ends a
// machine, and its last words are kept.
func TestGuestPanics(t *testing.T) {
	t.Parallel()
	cfg := harness.DefaultConfig()
	harness.NeedGuests(t)
	cfg.Guest = changedGuest(t, cfg.Guest, func(manifest map[string]any) {
		manifest["cmdline"] = manifest["cmdline"].(string) + " sysctl.vm.panic_on_oom=1"
	})
	s := harness.ForTest(t, cfg)
	load(t, s, "probe")
	run(t, s, 125, "run", "--name", "eater", "-m", "128m", "demo/probe", "/probe", "eat", "1000")
	out, _ := run(t, s, 0, "inspect", "eater")
	for _, want := range []string{`"state": "failed"`, `"endReason": "guest_panic"`, `"code": "guest_panic"`, "panic_on_oom"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect does not say %s: %s", want, out)
		}
	}
	if out, _ := run(t, s, 0, "events", "--since", "0", "--no-follow"); !strings.Contains(out, "reason=guest_panic") {
		t.Errorf("no event says why: %s", out)
	}
	if out, _ := run(t, s, 0, "ps", "-a"); !strings.Contains(out, "Failed (guest_panic)") {
		t.Errorf("ps does not say why: %s", out)
	}
}

// Zombies that a container leaves are reaped, so that it can run for ever.
func TestZombiesAreReaped(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	name := unique(t)
	run(t, s, 0, "run", "-d", "--name", name, "demo/probe", "/probe", "forever")
	for range 3 {
		run(t, s, 0, "exec", name, "/probe", "orphans", "100")
	}
	run(t, s, 0, "rm", "-f", name)
}
