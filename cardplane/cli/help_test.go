package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/cli"
)

// Every command says what it is for, shows how it is used, and stands in a
// group.
func TestEveryCommandIsExplained(t *testing.T) {
	root := (&cli.App{Getenv: os.Getenv}).Root()
	if !strings.Contains(root.Long, "125") {
		t.Error("cardctl --help does not tell the exit codes")
	}
	for _, cmd := range root.Commands() {
		if cmd.GroupID == "" {
			t.Errorf("%s stands in no group; name it in groups (help.go)", cmd.CommandPath())
		}
	}
	explained(t, root)
}

func explained(t *testing.T, parent *cobra.Command) {
	t.Helper()
	for _, cmd := range parent.Commands() {
		if cmd.Short == "" {
			t.Errorf("%s has no Short", cmd.CommandPath())
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s has no example of itself: %q", cmd.CommandPath(), cmd.Example)
		}
		explained(t, cmd)
	}
}
