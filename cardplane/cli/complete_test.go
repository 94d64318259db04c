package cli_test

import (
	"strings"
	"testing"
)

// proposed returns the words that a shell proposes, without descriptions.
func proposed(t *testing.T, p *plane, args ...string) string {
	t.Helper()
	var words []string
	for line := range strings.Lines(p.run("", append([]string{"__complete"}, args...)...).out) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestCompletion(t *testing.T) {
	p := newPlane(t)
	created := p.must("create", "--name", "new", "test")
	running := p.must("run", "-d", "--name", "old", "test", "sleep", "1000")
	for _, tc := range []struct{ args, want string }{
		{"start |", "new :4"},
		{"stop |", "old :4"},
		{"rm |", "new old :4"},
		{"rm old |", "new :4"},
		{"rm " + created[:12], created + " :4"},
		{"exec |", "old :4"},
		{"exec old |", ":4"},
		{"logs n", "new :4"},
		{"cp |", "old: :6"},
		{"cp ./", ":0"},
		{"run t", "test:latest :4"},
		{"inspect |", "new old test:latest :4"},
		{"kill -s SIGK", "SIGTERM SIGKILL SIGINT SIGHUP SIGQUIT SIGUSR1 SIGUSR2 :4"},
		{"--context |", "default :4"},
	} {
		args := strings.Fields(tc.args)
		if last := len(args) - 1; args[last] == "|" {
			args[last] = ""
		}
		if got := proposed(t, p, args...); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.args, got, tc.want)
		}
	}
	p.must("kill", running)
	// Without a control plane nothing is proposed, and nothing is said.
	p.down()
	if got := proposed(t, p, "rm", ""); got != ":1" {
		t.Errorf("no control plane: %q", got)
	}
	p.up()
}
