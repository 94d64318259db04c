package suite

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// A restart policy holds whatever dies: the VMM, the control plane, or both. The
// control plane's death alone restarts nothing that runs, and nothing starts
// again what was stopped, unless it is to run always.
func TestRestartPolicyOutlivesDeaths(t *testing.T) {
	t.Parallel()
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "probe")
	always, kept, stopped := unique(t)+"-always", unique(t)+"-kept", unique(t)+"-stopped"
	for name, policy := range map[string]string{always: "always", kept: "unless-stopped", stopped: "unless-stopped"} {
		run(t, s, 0, "run", "-d", "--name", name, "--restart", policy, "demo/probe", "/probe", "forever")
	}
	run(t, s, 0, "stop", "-t", "0", stopped)

	before := machine(t, s, always)
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	awaitRestarts(t, s, "0", always, kept)
	if after := machine(t, s, always); after != before {
		t.Errorf("the control plane's death took it from machine %s to %s", before, after)
	}

	killMachines(t, s)
	awaitRestarts(t, s, "1", always, kept)

	must(t, s.KillCard())
	killMachines(t, s)
	must(t, s.StartCard(t.Context()))
	awaitRestarts(t, s, "2", always, kept)

	run(t, s, 0, "stop", "-t", "0", always)
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	eventually(t, always+" runs again", func() bool { return shown(t, s, always, "{{.state}}") == "running" })
	if got := shown(t, s, stopped, "{{.state}} {{or .restartCount 0}}"); got != "exited 0" {
		t.Errorf("what was stopped is %q, want exited, and never started again", got)
	}
	run(t, s, 0, "start", stopped)
	awaitRestarts(t, s, "0", stopped)
}

// killMachines kills every VMM.
func killMachines(t *testing.T, s *harness.Stack) {
	t.Helper()
	for _, pid := range s.VMs() {
		must(t, s.KillVM(pid))
	}
}

// awaitRestarts waits until containers run that their policy has started again
// so many times.
func awaitRestarts(t *testing.T, s *harness.Stack, count string, names ...string) {
	t.Helper()
	for _, name := range names {
		eventually(t, name+" runs after "+count+" restarts", func() bool {
			return shown(t, s, name, "{{.state}} {{or .restartCount 0}}") == "running "+count
		})
	}
}

func machine(t *testing.T, s *harness.Stack, name string) string {
	t.Helper()
	return shown(t, s, name, "{{.sandboxId}}")
}

// shown returns what inspect shows of a container in a format.
func shown(t *testing.T, s *harness.Stack, name, format string) string {
	t.Helper()
	out, _ := run(t, s, 0, "inspect", "--format", format, name)
	return strings.TrimSpace(out)
}
