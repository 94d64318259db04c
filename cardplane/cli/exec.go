package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// execFlags are the flags of exec.
type execFlags struct {
	attachFlags
	env              []string
	workdir, user    string
	interactive, tty bool
	detach           bool
}

func (a *App) execCommand() *cobra.Command {
	var f execFlags
	cmd := &cobra.Command{
		Use:   "exec [flags] CONTAINER COMMAND [ARG...]",
		Short: "Run a command in a running container",
		Args:  needArgs(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				return noProgram(a.exec(cmd.Context(), client.Containers(), args[0], args[1:], f), exitFailure)
			})
		},
	}
	f.register(cmd, false)
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.BoolVarP(&f.interactive, "interactive", "i", false, "send input to the command")
	flags.BoolVarP(&f.tty, "tty", "t", false, "give the command a terminal")
	flags.BoolVarP(&f.detach, "detach", "d", false, "do not wait for the command's end")
	flags.StringArrayVarP(&f.env, "env", "e", nil, "set KEY=VALUE, or KEY from cardctl's environment")
	flags.StringVarP(&f.workdir, "workdir", "w", "", "working directory")
	flags.StringVarP(&f.user, "user", "u", "", "name, uid, name:group or uid:gid")
	return cmd
}

func (a *App) exec(ctx context.Context, containers cardplane.ContainerService, name string, command []string, f execFlags) error {
	spec := cardplane.ExecSpec{
		Command: command, Env: environment(f.env, a.Getenv), WorkingDir: f.workdir, User: f.user,
		TTY: f.tty, Stdin: f.interactive && !f.detach,
	}
	if !f.detach {
		if err := a.checkTerminal(spec.Stdin, spec.TTY); err != nil {
			return err
		}
	}
	if spec.TTY {
		spec.TerminalSize = a.terminalSize()
	}
	e, err := containers.Exec(ctx, name, spec)
	if err != nil || f.detach {
		return err
	}
	session, err := containers.AttachExec(ctx, e.ContainerID, e.ID)
	if err != nil {
		return err
	}
	at := &attachment{app: a, session: session, stdin: spec.Stdin, tty: spec.TTY, detachKeys: f.keys, begun: closed()}
	return a.finish(ctx, at, name)
}
