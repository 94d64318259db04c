package suite

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// onHost runs a shell script on the host's machine.
func onHost(t *testing.T, s *harness.Stack, format string, args ...any) string {
	t.Helper()
	out, err := s.OnHost(fmt.Sprintf(format, args...))
	must(t, err)
	return out
}

// statusOf returns a field of /proc/<pid>/status.
func statusOf(t *testing.T, s *harness.Stack, pid int, field string) string {
	t.Helper()
	text := onHost(t, s, "cat /proc/%d/status", pid)
	_, after, ok := strings.Cut(text, "\n"+field+":")
	if !ok {
		t.Fatalf("no %s in %s", field, text)
	}
	value, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(value)
}

// family returns the processes that carry the VM's mark: its VMM and what it
// has started.
func family(t *testing.T, s *harness.Stack, vm hostapi.VM) (pids []int) {
	t.Helper()
	mark := "CARDPLANE_VM=" + filepath.Dir(vm.Paths.Console)
	// The brackets keep the search itself out.
	files := onHost(t, s, "grep -lE '[C]%s' /proc/[0-9]*/environ 2>/dev/null || true", mark[1:])
	for _, file := range strings.Fields(files) {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		must(t, err)
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		t.Fatalf("no process has the mark %s", mark)
	}
	return pids
}

// seccomp reports whether a thread of the process has a filter.
func seccomp(t *testing.T, s *harness.Stack, pid int) bool {
	t.Helper()
	return onHost(t, s, "cat /proc/%d/task/*/status | grep -c '^Seccomp:.*2' || true", pid) != "0\n"
}

// mayRead tries to read a byte of the file as another user.
func mayRead(s *harness.Stack, uid int, path string) bool {
	_, err := s.OnHost(fmt.Sprintf("/usr/bin/setpriv --reuid %[1]d --regid %[1]d --clear-groups /bin/dd 'if=%[2]s' of=/dev/null bs=1 count=1", uid, path))
	return err == nil
}

// runningVMs starts two containers and returns their machines.
func runningVMs(t *testing.T, s *harness.Stack) (a, b hostapi.VM) {
	t.Helper()
	name := unique(t)
	for _, n := range []string{"-a", "-b"} {
		run(t, s, 0, "run", "-d", "--name", name+n, "demo/probe", "/probe", "forever")
		t.Cleanup(func() { run(t, s, 0, "rm", "-f", name+n) })
	}
	l, err := s.Link()
	must(t, err)
	defer l.Close()
	vms, err := l.VMs(patient(t))
	must(t, err)
	found := map[string]hostapi.VM{}
	for _, vm := range vms {
		found[vm.Spec.Labels["cardplane.name"]] = vm
	}
	return found[name+"-a"], found[name+"-b"]
}

// What a break-out from a guest would find, seen from outside: a user of the
// VM's own, no privileges, filters, and nothing of another VM.
func TestVMMsAreStrangers(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	if os.Geteuid() != 0 {
		t.Skip("vmmd gives VMMs users of their own only as root")
	}
	a, b := runningVMs(t, s)
	if a.Uid == b.Uid || a.Uid < 1000 || b.Uid < 1000 {
		t.Fatalf("uids %d and %d", a.Uid, b.Uid)
	}
	filtered := false
	for _, pid := range family(t, s, a) {
		ids := strings.Repeat(strconv.Itoa(a.Uid)+"\t", 4)
		if got := statusOf(t, s, pid, "Uid"); got != strings.TrimSpace(ids) {
			t.Errorf("process %d has uids %q, want %d", pid, got, a.Uid)
		}
		if statusOf(t, s, pid, "NoNewPrivs") != "1" || statusOf(t, s, pid, "CapEff") != "0000000000000000" {
			t.Errorf("process %d can gain or has privileges", pid)
		}
		filtered = filtered || seccomp(t, s, pid)
	}
	if !filtered {
		t.Error("no process of the VM has a seccomp filter")
	}
	for _, pid := range family(t, s, b) {
		for _, name := range []string{"mem", "environ", "maps", "root"} {
			if path := fmt.Sprintf("/proc/%d/%s", pid, name); mayRead(s, a.Uid, path) {
				t.Errorf("uid %d can read %s", a.Uid, path)
			}
		}
	}
	for name, path := range b.Paths.Attachments {
		if mayRead(s, a.Uid, path) {
			t.Errorf("uid %d can read %s of another VM", a.Uid, name)
		}
		if path := a.Paths.Attachments[name]; !mayRead(s, a.Uid, path) {
			t.Errorf("uid %d cannot read its own %s", a.Uid, name)
		}
	}
	if mayRead(s, a.Uid, b.Paths.Console) {
		t.Errorf("uid %d can read another VM's console", a.Uid)
	}
}

// A VM is in a cgroup of its own, with what the host can limit and count.
func TestVMHasItsOwnCgroup(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	a, b := runningVMs(t, s)
	l, err := s.Link()
	must(t, err)
	defer l.Close()
	a, err = l.VM(patient(t), a.Id)
	must(t, err)
	if a.Usage == nil {
		t.Skip("this host counts nothing; cardctl doctor says why")
	}
	if a.Usage.CpuMicroseconds == nil || *a.Usage.CpuMicroseconds == 0 {
		t.Errorf("usage %+v", a.Usage)
	}
	groups := map[string]bool{}
	for _, vm := range []hostapi.VM{a, b} {
		for line := range strings.Lines(onHost(t, s, "cat /proc/%d/cgroup", vm.Pid)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				groups[path] = true
			}
		}
	}
	if len(groups) != 2 {
		t.Errorf("two VMs are in the cgroups %v", groups)
	}
	if a.Limits == nil {
		t.Log("this host limits nothing; cardctl doctor says why")
		return
	}
	t.Logf("limits %+v, usage %+v", *a.Limits, *a.Usage)
	if m := a.Limits.MemoryBytes; m != nil && (*m <= a.Spec.MemoryBytes || a.Usage.MemoryBytes == nil || *a.Usage.MemoryBytes > *m) {
		t.Errorf("memory: limit %d, usage %v", *m, a.Usage.MemoryBytes)
	}
}

// Placement is asked for by the user and refused with what is wrong, or done.
func TestPlacement(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	_, stderr := run(t, s, 125, "run", "--rm", "--cpuset-cpus", "8000", "demo/probe", "/probe", "exit", "0")
	if !strings.Contains(stderr, "CPU 8000") {
		t.Errorf("a CPU that the host has not: %s", stderr)
	}
	_, stderr = run(t, s, 125, "run", "--rm", "--cpuset-cpus", "3-1", "demo/probe", "/probe", "exit", "0")
	if !strings.Contains(stderr, "0-3,8") {
		t.Errorf("a bad CPU set: %s", stderr)
	}
	if !strings.Contains(onHost(t, s, "cat /proc/meminfo"), "HugePages_Total:       0") {
		run(t, s, 0, "run", "--rm", "-m", "128m", "--hugepages", "demo/probe", "/probe", "exit", "0")
		return
	}
	_, stderr = run(t, s, 125, "run", "--rm", "--hugepages", "demo/probe", "/probe", "exit", "0")
	if !strings.Contains(stderr, "nr_hugepages") {
		t.Errorf("huge pages that the host has not: %s", stderr)
	}
}
