package cli_test

import (
	"strings"
	"testing"
)

func TestSandboxCommands(t *testing.T) {
	p := newPlane(t)
	p.must("sandbox", "create", "--cpus", "2", "-m", "512m", "-l", "tier=shop", "shop")
	p.must("run", "-d", "--name", "alone", "test", "sleep", "1000")
	if out := p.must("ps"); strings.Contains(out, "SANDBOX") {
		t.Errorf("a column without a sandbox: %s", out)
	}
	p.must("run", "-d", "--sandbox", "shop", "--name", "web", "test", "sleep", "1000")
	for _, tc := range []struct{ args, want string }{
		{"sandbox ls --format {{.Name}}|{{.State}}|{{.Containers}}|{{.CPUs}}|{{.Memory}}", "shop|running|1|2|537MB"},
		{"sandbox ls -q --filter state=idle", ""},
		{"sandbox ls -q --filter label=tier=shop --filter name=sh*", "shop"},
		{"sandbox inspect --format {{.state}} shop", "running"},
		{"ps --filter sandbox=shop --format {{.Name}}|{{.Sandbox}}", "web|shop"},
	} {
		if got := strings.TrimSpace(p.must(strings.Fields(tc.args)...)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.args, got, tc.want)
		}
	}
	if out := p.must("ps"); !strings.Contains(out, "SANDBOX") {
		t.Errorf("no column: %s", out)
	}
	for args, want := range map[string]string{
		"sandbox rm ":             "shop :4",
		"sandbox inspect s":       "shop :4",
		"run --sandbox ":          "shop :4",
		"create --sandbox nosuch": ":4",
	} {
		if got := proposed(t, p, strings.Split(args, " ")...); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
	for args, want := range map[string]string{
		"sandbox rm shop":                     "has the container web",
		"sandbox inspect nonesuch":            "there is no sandbox",
		"sandbox create shop":                 "exists",
		"sandbox create --cpus x":             "--cpus",
		"create --sandbox nonesuch test":      "there is no sandbox",
		"create --sandbox shop --cpus 2 test": "is the sandbox's",
	} {
		if got := p.run("", strings.Fields(args)...); got.code == 0 || !strings.Contains(got.err, want) {
			t.Errorf("%s: %d, %s", args, got.code, got.err)
		}
	}
	p.must("sandbox", "rm", "-f", "shop")
	p.must("sandbox", "create", "empty")
	if out := p.must("sandbox", "prune", "-f"); !strings.HasPrefix(out, "empty\n") {
		t.Errorf("pruned %q", out)
	}
}
