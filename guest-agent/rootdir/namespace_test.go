package rootdir

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/livedir"
)

// otherNamespace runs a program in a mount namespace of its own, and returns its
// root and its namespace.
func otherNamespace(t *testing.T) (root, ns *os.File) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Skipf("no mount namespace can be made here: %v; run the test as root", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	root, err := os.OpenFile(fmt.Sprintf("/proc/%d/root", cmd.Process.Pid), unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/mnt", cmd.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(root, ns) })
	return root, ns
}

// The kernel mounts a directory in another namespace alone, through a link there, and
// unmounts it once nobody uses it.
func TestGraftAndPrune(t *testing.T) {
	root, ns := otherNamespace(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "source/file"), []byte("hello"))
	if err := os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "target"), 0o755); err != nil {
		t.Fatal(err)
	}
	inside := fmt.Sprintf("/proc/self/fd/%d", root.Fd())
	for range 3 {
		source, err := openIn(filepath.Join(dir, "source"), "", unix.RESOLVE_BENEATH)
		if err != nil {
			t.Fatal(err)
		}
		target, err := livedir.OpenDir(inside, filepath.Join(dir, "link"))
		if err != nil {
			t.Fatal(err)
		}
		err = Kernel{}.Graft(ns, source, target, true)
		closeAll(source, target)
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Join(dir, "target")
		if _, err := os.Stat(filepath.Join(at, "file")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is mounted here too: %v", err)
		}
		seen, err := os.Open(filepath.Join(inside, at, "file"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(inside, at, "new"), nil, 0o600); !errors.Is(err, unix.EROFS) {
			t.Errorf("a write: %v", err)
		}
		if err := (Kernel{}).Prune(ns, root, []string{at}); !errors.Is(err, unix.EBUSY) {
			t.Errorf("while a file of it is open: %v", err)
		}
		closeAll(seen)
		if err := (Kernel{}).Prune(ns, root, []string{at}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(inside, at, "file")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is still mounted: %v", err)
		}
	}
	wantOneNamespace(t)
}

// wantOneNamespace waits until no thread is left in another.
func wantOneNamespace(t *testing.T) {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		threads, err := filepath.Glob("/proc/self/task/*/ns/mnt")
		if err != nil {
			t.Fatal(err)
		}
		strays := slices.DeleteFunc(threads, func(thread string) bool {
			at, err := os.Readlink(thread)
			return err != nil || at == own // one that ends has none
		})
		if len(strays) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("threads are left in another namespace: %v", strays)
		}
	}
}
