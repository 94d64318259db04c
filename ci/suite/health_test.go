package suite

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// The guest probes while there is no control plane, and the next one tells of
// all that has changed meanwhile, and of nothing twice.
func TestHealthOutlivesControlPlane(t *testing.T) {
	s := harness.ForTest(t, harness.DefaultConfig())
	load(t, s, "python")
	name := unique(t)
	// It is healthy at first, then not for longer than a probe, then healthy.
	const check = `n=$(wc -l </probes); echo >>/probes; test $n -lt 5 || test $n -gt 7`
	run(t, s, 0, "run", "-d", "--name", name, "--health-cmd", check, "--health-interval", "500ms", "--health-retries", "2",
		"demo/python", "sh", "-c", ">/probes; sleep 1000")
	run(t, s, 0, "wait", "--condition", "healthy", name)
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	events := func() string {
		out, _ := run(t, s, 0, "events", "--since", "0", "--no-follow", "--filter", "type=container.health_status")
		return out
	}
	for i := range 3 { // at different places
		eventually(t, "more changes", func() bool { return strings.Count(events(), "\n") > i || i == 2 })
		must(t, s.KillCard())
		must(t, s.StartCard(t.Context()))
	}
	eventually(t, "all changes", func() bool { return strings.Count(events(), "\n") >= 3 })
	run(t, s, 0, "wait", "--condition", "healthy", name)
	var statuses []string
	for line := range strings.Lines(events()) {
		_, status, _ := strings.Cut(strings.TrimSpace(line), "status=")
		statuses = append(statuses, strings.TrimSuffix(status, ")"))
	}
	if got := strings.Join(statuses, " "); got != "healthy unhealthy healthy" {
		t.Errorf("told of %s", got)
	}
	if out, _ := run(t, s, 0, "execs", name); strings.Count(out, "\n") > 1 {
		t.Errorf("probes show as execs: %s", out)
	}
	run(t, s, 0, "rm", "-f", name)
}
