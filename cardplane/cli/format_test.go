package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	p := newPlane(t)
	id := p.must("create", "--name", "web", "-l", "role=front", "test", "echo", "a <b>")
	for _, tc := range []struct{ args, want string }{
		{"ps -a --format {{.Name}}:{{.State}}:{{.Labels.role}}", "web:created:front"},
		{"ps -a --no-trunc --format {{.ID}}", id},
		{"ps -aq", id[:12]},
		{"images --format {{.Repository}}/{{upper(.Tag)}}", ""},
		{"images --format {{.Repository}}/{{upper.Tag}}", ""},
		{"images --format {{.Repository}}:{{.Tag}}", "test:latest"},
		{"inspect --format {{.name}},{{join.spec.command}} web", ""},
		{"inspect --format {{.name}},{{json.spec.command}} web", ""},
		{"inspect --format {{.name}},{{.spec.image}} web test", "web,test\n<no value>,<no value>"},
		{"version --format {{.server.apiVersion}}", "v1"},
		{"doctor --format {{.healthy}}", "true"},
		{"events --since 0 --no-follow --filter container=web --format {{.type}},{{.name}}", "container.create,web"},
		{"events --no-follow --format {{.type", ""},
		{"images --format {{.Digest}}", "<none>"},
	} {
		r := p.run("", strings.Fields(tc.args)...)
		if got := strings.TrimSuffix(r.out, "\n"); tc.want != "" && (got != tc.want || r.code != 0) || tc.want == "" && (r.code == 0 || !strings.Contains(r.err, "--format")) {
			t.Errorf("%s: exit code %d, %q, %s", tc.args, r.code, got, r.err)
		}
	}
}

// json is an event a line.
func TestEventsJSON(t *testing.T) {
	p := newPlane(t)
	p.must("create", "--name", "a", "test", "true")
	p.must("create", "--name", "b", "test", "true")
	for _, line := range strings.Split(p.must("events", "--since", "0", "--no-follow", "--filter", "type=container", "--format", "json"), "\n") {
		var e struct{ Type, Name string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Type != "container.create" || e.Name == "" {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
	}
}

// json is what the API has, one object a line.
func TestFormatJSON(t *testing.T) {
	p := newPlane(t)
	p.must("create", "--name", "a", "test", "echo", "<b>")
	p.must("create", "--name", "b", "test")
	lines := strings.Split(p.must("ps", "-a", "--format", "json"), "\n")
	if len(lines) != 2 || !strings.Contains(lines[1], `"<b>"`) {
		t.Errorf("%q", lines)
	}
	for _, line := range lines {
		var object struct{ Name, State, ImageID string }
		if err := json.Unmarshal([]byte(line), &object); err != nil || object.State != "created" || object.ImageID == "" {
			t.Errorf("%s: %+v, %v", line, object, err)
		}
	}
	if got := p.must("images", "--format", "json"); strings.Count(got, "\n") != 0 || !strings.Contains(got, `"names":["docker.io/library/test:latest"]`) {
		t.Errorf("%s", got)
	}
}
