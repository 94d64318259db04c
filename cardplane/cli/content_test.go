package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Configs and secrets are alike, but that a secret's content is never shown.
func TestContents(t *testing.T) {
	for _, kind := range []string{"config", "secret"} {
		t.Run(kind, func(t *testing.T) {
			p := newPlane(t)
			file := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			p.must(kind, "create", "-l", "tier=db", "key", file)
			match(t, "list", p.must(kind, "ls"), `NAME +SIZE +VERSION +CREATED +UPDATED\nkey +8B +1 +.* ago +.* ago`)
			shown := p.must(kind, "inspect", "key")
			if has := strings.Contains(shown, "aHVudGVyMgo="); has != (kind == "config") || strings.Contains(shown, "hunter2") {
				t.Errorf("inspect: %s", shown)
			}
			p.must("create", "--name", "user", "--"+kind, "key,target=/etc/key,uid=0", "test", "true")
			if got := p.must("inspect", "--format", "{{(index .spec."+kind+"s 0).path}}", "user"); got != "/etc/key" {
				t.Errorf("path %q", got)
			}
			if r := p.run("", kind, "rm", "key"); r.code != 1 || !strings.Contains(r.err, "container user") {
				t.Errorf("rm: %+v", r)
			}
			if r := p.run("new", kind, "update", "-l", "added", "--label-rm", "tier", "key", "-"); r.code != 0 {
				t.Errorf("update: %+v", r)
			}
			if got := p.must(kind, "ls", "-q", "--filter", "label=added", "-f", "name=k*"); got != "key" {
				t.Errorf("ls: %q", got)
			}
			if got := p.must(kind, "inspect", "--format", "{{.version}} {{.sizeBytes}}", "key"); got != "2 3" {
				t.Errorf("inspect: %q", got)
			}
			p.must("rm", "user")
			if got := p.must(kind, "prune", "-f"); got != "key\nTotal reclaimed space: 3B" {
				t.Errorf("prune: %q", got)
			}
		})
	}
}
