package cli_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/cli"
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
	exec := p.must("exec", "-d", "old", "sleep", "1000")
	p.must("volume", "create", "data")
	for _, args := range [][]string{{"config", "create", "app.conf", "-"}, {"secret", "create", "key", "-"}} {
		if r := p.run("x", args...); r.code != 0 {
			t.Fatalf("%+v", r)
		}
	}
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
		{"execs |", "new old :4"},
		{"attach --exec |", exec + " :4"},
		{"attach old --exec |", exec + " :4"},
		{"attach new --exec |", ":4"},
		{"run -v |", "data: :6"},
		{"create --volume x", ":4"},
		{"config inspect |", "app.conf :4"},
		{"secret update |", "key :4"},
		{"secret update key |", ":4"},
		{"run --secret |", "key :4"},
		{"run --config |", "app.conf :4"},
		{"volume resize |", "data :4"},
		{"volume resize data |", ":4"},
		{"volume attach |", "data :4"},
		{"volume attach data |", "new: old: :6"},
		{"volume create --format |", "ext4 raw :4"},
		{"volume detach data |", "new old :4"},
		{"volume detach data old |", ":4"},
		{"wait --condition |", "not-running next-exit removed healthy :4"},
		{"ps --filter |", "label= name= state= health= sandbox= :6"},
		{"container prune --filter |", "label= until= :6"},
		{"events -f |", "type= container= label= :6"},
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

// Every command that takes objects proposes those that there are.
func TestEveryObjectIsCompleted(t *testing.T) {
	takesObjects := regexp.MustCompile(`\b(CONTAINER|IMAGE|VOLUME)\b`)
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		if takesObjects.MatchString(cmd.Use) && cmd.ValidArgsFunction == nil {
			t.Errorf("%q proposes nothing for %q; add it to completers", cmd.CommandPath(), cmd.Use)
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check((&cli.App{Getenv: os.Getenv}).Root())
}
