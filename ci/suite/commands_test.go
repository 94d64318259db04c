package suite

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"

	"github.com/cardplane/cardplane/cardplane/cli"
)

// Every command of cardctl is run by a script against real guests, and not only
// to fail.
func TestEveryCommandIsScripted(t *testing.T) {
	root := (&cli.App{Getenv: os.Getenv}).Root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	scripted := make(map[*cobra.Command]bool)
	files, err := filepath.Glob("testdata/*.txt")
	must(t, err)
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		must(t, err)
		for line := range strings.Lines(string(archive.Comment)) {
			if cmd, _, err := root.Find(cardctlArgs(line)); err == nil {
				scripted[cmd] = true
			}
		}
	}
	for _, cmd := range runnable(root) {
		if !scripted[cmd] {
			t.Errorf("no script runs %q; add it to one of testdata/*.txt", cmd.CommandPath())
		}
	}
}

// cardctlArgs returns what a line of a script gives to cardctl, unless that may
// fail.
func cardctlArgs(line string) []string {
	words := strings.Fields(line)
	switch {
	case len(words) > 1 && words[0] == "cardctl":
		return words[1:]
	case len(words) > 2 && slices.Contains([]string{"exits", "feed", "listening", "await"}, words[0]):
		return words[2:]
	}
	return nil
}

// runnable returns the commands below cmd that do something.
func runnable(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.Runnable() {
			out = append(out, sub)
		}
		out = slices.Concat(out, runnable(sub))
	}
	return out
}
