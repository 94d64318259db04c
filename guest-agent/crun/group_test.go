package crun

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// A process of a group is started in a cgroup of its own below the container's.
func TestExecInGroup(t *testing.T) {
	f := newFixture(t, map[string]string{"exec": "orphan sleep 1000"})
	p := &specs.Process{Args: []string{"prog"}}
	if _, err := f.Exec(t.Context(), "c1", "g", p, f.io(t)); !apierr.Is(err, "container_not_running") {
		t.Fatalf("without the container's cgroup: %v", err)
	}
	f.write(t, "cgroup/containers/c1/cgroup.procs", "")
	for range 2 {
		child, err := f.Exec(t.Context(), "c1", "g", p, f.io(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Signal(unix.SIGKILL); err != nil {
			t.Error(err)
		}
		<-child.Done()
	}
	calls, err := os.ReadFile(filepath.Join(f.dir, "calls"))
	if err != nil || !strings.Contains(string(calls), "--cgroup g c1\n") {
		t.Errorf("called %q, %v", calls, err)
	}
	if _, err := os.Stat(filepath.Join(f.cgroup("c1"), "g")); err != nil {
		t.Error(err)
	}
}

// A group that is gone has ended. One with processes is killed, and waited for
// no longer than it may be.
func TestEndGroup(t *testing.T) {
	f := newFixture(t, nil)
	if err := f.EndGroup(t.Context(), "c1", "g"); err != nil {
		t.Fatal(err)
	}
	f.write(t, "cgroup/containers/c1/g/cgroup.procs", "1") // keeps the directory as a process would
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.EndGroup(ctx, "c1", "g"); !errors.Is(err, unix.ENOTEMPTY) {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(f.cgroup("c1"), "g", "cgroup.kill")); err != nil || string(got) != "1" {
		t.Fatalf("cgroup.kill holds %q, %v", got, err)
	}
}
