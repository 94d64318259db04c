package cli

import "github.com/spf13/cobra"

// rootHelp is what cardctl says of itself.
const rootHelp = `cardctl commands cardplaned, the control plane that runs every container in a
virtual machine of its own.

Exit codes. run, exec, attach and start -a end with the program's exit code.
Where there is none: 127 the command was not found, 126 it cannot be executed,
125 run failed otherwise; 1 any other command failed; 128 and the signal's
number when a signal ended cardctl.`

// groups are the parts of the list of commands.
var groups = []struct {
	id, title string
	commands  []string
}{
	{"life", "A container's life:", []string{"run", "create", "start", "stop", "restart", "pause", "unpause", "kill", "wait", "rename", "update", "rm", "container"}},
	{"inside", "What goes on in it:", []string{"ps", "inspect", "logs", "exec", "execs", "attach", "cp", "port", "port-forward", "top", "stats"}},
	{"images", "Images:", []string{"images", "image", "pull", "load", "save", "tag", "untag", "history", "rmi"}},
	{"volumes", "Volumes, configs, secrets, networks and sandboxes:", []string{"volume", "config", "secret", "network", "sandbox"}},
	{"plane", "The control plane:", []string{"events", "system", "doctor", "version", "context", "proxy", "completion", "help"}},
}

// group puts the commands below root into groups.
func group(root *cobra.Command) {
	of := make(map[string]string)
	for _, g := range groups {
		for _, name := range g.commands {
			of[name] = g.id
		}
	}
	used := make(map[string]bool)
	for _, cmd := range root.Commands() {
		cmd.GroupID = of[cmd.Name()]
		used[cmd.GroupID] = true
	}
	for _, g := range groups {
		if used[g.id] {
			root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		}
	}
	root.SetHelpCommandGroupID("plane")
	root.SetCompletionCommandGroupID("plane")
}
