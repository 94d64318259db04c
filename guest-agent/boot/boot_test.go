package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeSystem notes what it is asked for, and fails where told.
type fakeSystem struct {
	mu    sync.Mutex
	calls []string
	fail  map[string]error
}

var _ System = (*fakeSystem)(nil)

func (f *fakeSystem) call(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	return f.fail[call]
}

func (f *fakeSystem) Mount(_, target, fstype string, _ uintptr, _ string) error {
	return f.call("mount %s %s", fstype, filepath.Base(target))
}
func (f *fakeSystem) InterfaceUp(name string) error { return f.call("up %s", name) }
func (f *fakeSystem) SetHostname(name string) error { return f.call("hostname %s", name) }
func (f *fakeSystem) SetFileLimit(n uint64) error   { return f.call("files %d", n) }
func (f *fakeSystem) Random() error                 { return f.call("random") }
func (f *fakeSystem) CatchCtrlAltDel() error        { return f.call("ctrl-alt-del") }

// fakeRoot returns a root directory with what the kernel would show.
func fakeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func guestFiles() map[string]string {
	return map[string]string{
		"proc/filesystems":                                "nodev\tsysfs\nnodev\toverlay\n\text4\n\terofs\n",
		"sys/fs/cgroup/cgroup.controllers":                "cpu memory pids\n",
		"sys/fs/cgroup/cgroup.subtree_control":            "",
		"sys/fs/cgroup/containers/cgroup.subtree_control": "",
	}
}

func TestSteps(t *testing.T) {
	// The kernel has mounted devtmpfs by itself: that is no failure.
	system := &fakeSystem{fail: map[string]error{"mount devtmpfs dev": unix.EBUSY}}
	root := fakeRoot(t, guestFiles())
	timings, err := Run(t.Context(), Stages(system, root))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, timing := range timings {
		names = append(names, timing.Name)
	}
	if want := []string{"mount", "filesystems", "cgroup", "shm", "limits", "loopback", "hostname", "ctrl-alt-del", "entropy"}; !reflect.DeepEqual(names, want) {
		t.Errorf("steps %q", names)
	}
	want := []string{
		"mount devtmpfs dev", "mount proc proc", "mount sysfs sys", "mount cgroup2 cgroup", "mount tmpfs run",
		"ctrl-alt-del", "files 1048576", "hostname cardplane", "mount tmpfs shm", "random", "up lo",
	}
	slices.Sort(system.calls[5:]) // the second stage's, in any order
	if !reflect.DeepEqual(system.calls, want) {
		t.Errorf("calls %q", system.calls)
	}
	for name, want := range map[string]string{
		"cgroup.subtree_control":            "+cpu +memory +pids",
		"containers/cgroup.subtree_control": "+cpu +memory +pids",
	} {
		if got, err := os.ReadFile(filepath.Join(root, cgroupRoot, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A failing step ends the boot and is named, with its reason.
func TestFailures(t *testing.T) {
	for call, step := range map[string]string{
		"mount proc proc":    "mount",
		"up lo":              "loopback",
		"hostname cardplane": "hostname",
		"random":             "entropy",
	} {
		system := &fakeSystem{fail: map[string]error{call: unix.EPERM}}
		_, err := Run(t.Context(), Stages(system, fakeRoot(t, guestFiles())))
		if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "boot step "+step) {
			t.Errorf("%s: %v", call, err)
		}
		if step == "mount" && len(system.calls) != 2 {
			t.Errorf("%s: went on to %q", call, system.calls)
		}
	}
}

func TestMissingFilesystem(t *testing.T) {
	files := guestFiles()
	files["proc/filesystems"] = "nodev\tsysfs\n\text4\n\terofs\n"
	_, err := Run(t.Context(), Stages(&fakeSystem{}, fakeRoot(t, files)))
	if err == nil || !strings.Contains(err.Error(), "no overlay") {
		t.Fatalf("got %v", err)
	}
}

func TestNoControllers(t *testing.T) {
	files := guestFiles()
	files["sys/fs/cgroup/cgroup.controllers"] = "\n"
	if _, err := Run(t.Context(), Stages(&fakeSystem{}, fakeRoot(t, files))); err != nil {
		t.Fatal(err)
	}
}

// A machine without entropy does not wait for ever.
func TestNoEntropy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	blocked := make(chan struct{})
	defer close(blocked)
	m := machine{system: stuck{wait: func() { cancel(); <-blocked }}}
	if err := m.entropy(ctx); err == nil {
		t.Fatal("no error")
	}
}

// stuck is a system whose random generator is never ready.
type stuck struct {
	*fakeSystem
	wait func()
}

func (s stuck) Random() error { s.wait(); return nil }
