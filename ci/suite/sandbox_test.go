package suite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// counters starts n containers in one sandbox that count to a number each, and
// return once all have begun.
func counters(t *testing.T, s *harness.Stack, n, to int, flags ...string) (sandbox string, names []string) {
	t.Helper()
	load(t, s, "probe")
	sandbox = unique(t)
	run(t, s, 0, "sandbox", "create", sandbox)
	for i := range n {
		name := fmt.Sprint(sandbox, "-", i)
		args := append([]string{"run", "-d", "--sandbox", sandbox, "--name", name}, flags...)
		run(t, s, 0, append(args, "demo/probe", "/probe", "count", fmt.Sprint(to), "10ms")...)
		names = append(names, name)
	}
	for _, name := range names {
		eventually(t, "first output", func() bool {
			out, _ := run(t, s, 0, "logs", name)
			return out != ""
		})
	}
	return sandbox, names
}

// Containers of a sandbox run on while the control plane and the host's daemon
// die, in the same machine, and nothing of any of them is lost.
func TestSandboxOutlivesDaemons(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	sandbox, names := counters(t, s, 2, 500)
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	run(t, s, 0, "exec", names[0], "/probe", "exit", "0")
	must(t, s.KillHost())
	must(t, s.StartHost(t.Context()))
	if pids := s.VMs(); len(pids) != 1 {
		t.Errorf("%d machines", len(pids))
	}
	// One more comes to them, and leaves.
	run(t, s, 7, "run", "--rm", "--sandbox", sandbox, "demo/probe", "/probe", "exit", "7")
	for _, name := range names {
		ended(t, s, name, 500)
	}
	run(t, s, 0, "sandbox", "rm", "-f", sandbox)
}

// The VMM's death is told of all containers in it, and those that are started
// again share one new machine.
func TestSandboxVMMKilled(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	sandbox, names := counters(t, s, 2, 100000, "--restart", "on-failure")
	once := unique(t)
	run(t, s, 0, "run", "-d", "--sandbox", sandbox, "--name", once, "demo/probe", "/probe", "count", "100000", "10ms")
	for _, pid := range s.VMs() {
		must(t, s.KillVM(pid))
	}
	run(t, s, 1, "wait", once)
	if out, _ := run(t, s, 0, "inspect", "--format", "{{.endReason}}", once); strings.TrimSpace(out) != "vmm_died" {
		t.Errorf("reason %q", out)
	}
	for _, name := range names {
		eventually(t, "a second run", func() bool {
			out, _ := run(t, s, 0, "inspect", "--format", "{{.state}} {{.restartCount}}", name)
			return strings.TrimSpace(out) == "running 1"
		})
	}
	if pids := s.VMs(); len(pids) != 1 {
		t.Errorf("%d machines", len(pids))
	}
	run(t, s, 0, "sandbox", "rm", "-f", sandbox)
	if pids := s.VMs(); len(pids) != 0 {
		t.Errorf("%d machines are left", len(pids))
	}
}

// What two containers of a sandbox have written to a volume is there after
// their VMM was killed, and another machine can use it then.
func TestSandboxVolumeSurvivesPowerCut(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "python")
	name := unique(t)
	run(t, s, 0, "sandbox", "create", name)
	var writers []string
	for _, who := range []string{"a", "b"} {
		writers = append(writers, name+"-"+who)
		run(t, s, 0, "run", "-d", "--sandbox", name, "--name", name+"-"+who, "-v", name+":/data", "demo/python",
			"sh", "-c", "echo "+who+" >/data/"+who+"; sync; echo written; exec sleep 1000")
	}
	for _, writer := range writers {
		eventually(t, "what it has written", func() bool {
			out, _ := run(t, s, 0, "logs", writer)
			return strings.Contains(out, "written")
		})
	}
	for _, pid := range s.VMs() {
		must(t, s.KillVM(pid))
	}
	for _, writer := range writers {
		run(t, s, 1, "wait", writer)
	}
	if out, _ := run(t, s, 0, "run", "--rm", "-v", name+":/data", "demo/python", "cat", "/data/a", "/data/b"); out != "a\nb\n" {
		t.Errorf("left: %q", out)
	}
	run(t, s, 0, "sandbox", "rm", "-f", name)
	run(t, s, 0, "volume", "rm", name)
}
