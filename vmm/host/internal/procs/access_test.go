package procs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// openTempDir is a temporary directory that everyone may pass.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "procs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMakeDir(t *testing.T) {
	top := openTempDir(t)
	for shared, want := range map[string]os.FileMode{"": 0o700, "shared": 0o711} {
		path := filepath.Join(top, "x"+shared, "y", "z")
		if err := MakeDir(path, shared != ""); err != nil {
			t.Fatal(err)
		}
		for dir := path; dir != top; dir = filepath.Dir(dir) {
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", dir, info.Mode(), err)
			}
		}
	}
	err := MakeDir(filepath.Join(top, "x", "shared"), true)
	if !apierr.Is(err, "dir_closed") || !strings.Contains(err.Error(), "chmod o+x "+filepath.Join(top, "x")) {
		t.Errorf("got %v", err)
	}
}

// A program in a closed directory can be run by another user all the same.
func TestForAnyUser(t *testing.T) {
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	top := openTempDir(t)
	closed := filepath.Join(top, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{top, closed} {
		path := filepath.Join(dir, "program")
		if err := os.WriteFile(path, program, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ForAnyUser(path); err == nil || !strings.Contains(err.Error(), "chmod o+rx") {
			t.Errorf("%s: %v", path, err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		usable, release, err := ForAnyUser(path)
		if err != nil || (usable == path) != (dir == top) {
			t.Fatalf("%s: %s, %v", path, usable, err)
		}
		cmd := exec.Command(usable)
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v", usable, err)
		}
		release()
	}
	if _, _, err := ForAnyUser(filepath.Join(top, "absent")); err == nil {
		t.Error("a program that does not exist can be used")
	}
}
