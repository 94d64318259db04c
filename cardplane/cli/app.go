// Package cli is cardctl, the command line of a control plane, in the manner
// of docker and podman. It has no powers but those of the public API.
//
// # Exit codes
//
// run, exec, attach and start -a end with the program's exit code. When there
// is none, run ends with 127 (no such command), 126 (not executable) or 125
// (anything else), and exec with 127, 126 or 1. Every other command that fails
// ends with 1; one ended by a signal with 128 and the signal's number.
//
// # When the control plane goes away
//
// `logs -f` and `wait`, and `run` without -i, reconnect and lose no output:
// they go on at the offset where they were. `run -i`, attach, exec and start
// -a cannot know which input arrived; they end with an error that says how to
// attach again. port-forward goes on to listen: its connections break off, and
// new ones get through again.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/version"
)

// reconnectFor is how long a control plane may stay away from a command that
// reconnects.
const reconnectFor = 30 * time.Second

// App is one invocation of cardctl.
type App struct {
	// In, Out and Err are the standard streams. In and Out may be terminals.
	In       io.Reader
	Out, Err io.Writer
	// Getenv looks up environment variables, as os.Getenv does.
	Getenv func(string) string
	// Signals delivers the signals sent to the process. It may be nil.
	Signals <-chan os.Signal
	// HostChecks looks at this machine as a compute host. The doctor command
	// calls it when there is no control plane to ask. It may be nil.
	HostChecks func(context.Context) []cardplane.Check

	host, context string // as the command line names them
	signals       *signalRouter
}

// Run executes the command line args, without the program's name, and returns
// the exit code. Every error has been printed.
func (a *App) Run(ctx context.Context, args []string) int {
	a.signals = newSignalRouter(a.Signals)
	ctx = a.signals.start(ctx)
	defer a.signals.stop()
	root := a.Root()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	return a.exitCode(ctx, command, err)
}

// exitCode prints err and decides what to exit with.
func (a *App) exitCode(ctx context.Context, command *cobra.Command, err error) int {
	var exit *exitError
	var interrupted *interruptError
	switch {
	case err == nil:
		return 0
	case errors.As(context.Cause(ctx), &interrupted):
		if interrupted.forced {
			_, _ = fmt.Fprintln(a.Err, "\ngot 3 SIGTERM/SIGINTs, forcefully exiting")
		}
		return interrupted.code()
	case errors.As(err, &exit):
		a.printError(exit.err)
		return exit.code
	}
	a.printError(err)
	if command.Name() == "run" {
		return exitOurs
	}
	return exitFailure
}

// Root returns the command cardctl with all commands below it.
func (a *App) Root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cardctl",
		Short:         "Command a Cardplane control plane",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version.Release,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageError(cmd, "%w", err) })
	root.PersistentFlags().StringVar(&a.host, "host", "", "address of the control plane (env CARDPLANE_HOST)")
	root.PersistentFlags().StringVar(&a.context, "context", "", "name of the control plane (env CARDPLANE_CONTEXT); see cardctl context")
	root.AddCommand(
		a.runCommand(), a.createCommand(), a.startCommand(), a.execCommand(), a.execsCommand(), a.attachCommand(),
		a.psCommand(), a.statsCommand(), a.topCommand(), a.cpCommand(), a.portForwardCommand(), a.logsCommand(), a.inspectCommand(), a.waitCommand(),
		a.stopCommand(), a.restartCommand(), a.pauseCommand(), a.unpauseCommand(), a.killCommand(), a.renameCommand(), a.rmCommand(),
		a.updateCommand(), a.containerCommand(),
		a.imagesCommand(), a.loadCommand(), a.pullCommand(), a.rmiCommand(),
		a.saveCommand(), a.tagCommand(), a.untagCommand(), a.historyCommand(), a.imageCommand(), a.systemCommand(), a.volumeCommand(), a.configCommand(), a.secretCommand(), a.networkCommand(), a.portCommand(), a.sandboxCommand(),
		a.eventsCommand(), a.versionCommand(), a.doctorCommand(), a.contextCommand(), a.proxyCommand(),
	)
	group(root)
	a.complete(root)
	return root
}

// forEach calls f for every name, prints the names for which it succeeds, and
// goes on after a failure.
func (a *App) forEach(names []string, f func(name string) error) error {
	var failed error
	for _, name := range names {
		if err := f(name); err != nil {
			a.printError(err)
			failed = &exitError{code: exitFailure}
			continue
		}
		_, _ = fmt.Fprintln(a.Out, name)
	}
	return failed
}
