package suite

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
)

// Where vmmd may make no networks they run on the card: published ports, names,
// the way out and a network that comes live, also after the card was killed.
func TestUserMode(t *testing.T) {
	t.Parallel()
	cfg := harness.DefaultConfig()
	if cfg.ComputeHost != "" {
		t.Skip("the compute host has networks")
	}
	cfg.Unprivileged = true
	s := networkedBy(t, cfg)
	load(t, s, "services")
	load(t, s, "python")
	serveOutside(t, s)
	if out, _ := run(t, s, 0, "version"); !strings.Contains(out, "user mode") {
		t.Errorf("version: %s", out)
	}
	run(t, s, 0, "run", "-d", "--name", "web", "--hostname", "web", "-p", "8080:80", "demo/services", "sh", "-c", web)
	if out, _ := run(t, s, 0, "inspect", "--format", "{{range .interfaces}}{{.mode}}{{end}} {{.networkReason}}", "web"); !strings.HasPrefix(out, "user ") || !strings.Contains(out, "CAP_NET_ADMIN") {
		t.Errorf("inspect: %s", out)
	}
	everywhere := func(when string) {
		t.Helper()
		var page string
		eventually(t, "the server "+when, func() bool {
			var err error
			page, err = s.OnHost(get("127.0.0.1:8080"))
			return err == nil
		})
		if strings.TrimSpace(page) != "web" {
			t.Errorf("the published port %s: %q", when, page)
		}
		for where, want := range map[string]string{"web": "web", outside: upstream} {
			if out, _ := run(t, s, 0, append([]string{"run", "--rm", "demo/python"}, fetch(where, "80")...)...); strings.TrimSpace(out) != want {
				t.Errorf("%s %s: %q", where, when, out)
			}
		}
	}
	everywhere("at first")
	// It leads to the card's machine, and so to no guest.
	if out, _, code := finish(t, cardctl(t, s, append([]string{"run", "--rm", "demo/python"}, fetch(upstream, "8080")...)...)); code == 0 {
		t.Errorf("a guest reaches the card's machine: %q", out)
	}
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	everywhere("after a restart")

	run(t, s, 0, "network", "create", "--internal", "back")
	run(t, s, 0, "run", "-d", "--name", "app", "--network", "back", "demo/python", "sleep", "1000")
	fetches := append([]string{"exec", "app"}, fetch("web", "80")...)
	run(t, s, 1, fetches...)
	run(t, s, 0, "network", "connect", "back", "web")
	eventually(t, "the name", func() bool {
		out, _, code := finish(t, cardctl(t, s, fetches...))
		return code == 0 && strings.TrimSpace(out) == "web"
	})
	run(t, s, 0, "network", "disconnect", "back", "web")
	run(t, s, 1, fetches...)
	run(t, s, 0, "rm", "-f", "web", "app")
	if _, err := s.OnHost(get("127.0.0.1:8080")); err == nil {
		t.Error("the port is still published")
	}
}
