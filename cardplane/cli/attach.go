package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (a *App) startCommand() *cobra.Command {
	var attach attachFlags
	var attached, interactive bool
	cmd := &cobra.Command{
		Use:   "start [flags] CONTAINER [CONTAINER...]",
		Short: "Start created or ended containers",
		Example: `  cardctl start web
  cardctl start -a job`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := attach.parse(); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				containers := client.Containers()
				if !attached && !interactive {
					return a.forEach(args, func(name string) error {
						_, err := containers.Start(cmd.Context(), name)
						return err
					})
				}
				if len(args) > 1 {
					return usageError(cmd, "one container can be attached to at a time")
				}
				return a.startAttached(cmd.Context(), containers, args[0], attach, interactive)
			})
		},
	}
	attach.register(cmd, true)
	cmd.Flags().BoolVarP(&attached, "attach", "a", false, "show the program's output and end with its exit code")
	cmd.Flags().BoolVarP(&interactive, "interactive", "i", false, "send input to the program; implies --attach")
	return cmd
}

func (a *App) startAttached(ctx context.Context, containers cardplane.ContainerService, name string, flags attachFlags, interactive bool) error {
	c, err := containers.Get(ctx, name)
	if err != nil {
		return err
	}
	if c.State.Active() {
		return apierr.New(apierr.FailedPrecondition, "container_already_running", "container %s is already %s; attach to it with `cardctl attach %s`", c.Name, c.State, c.Name)
	}
	stdin := interactive && c.Spec.Stdin
	if err := a.checkTerminal(stdin, c.Spec.TTY); err != nil {
		return err
	}
	s := &starting{app: a, containers: containers, container: c, flags: flags, stdin: stdin, first: c.State == cardplane.Created}
	code, err := s.run(ctx)
	if errors.Is(err, errDetached) {
		return a.detached()
	}
	if err != nil {
		return noProgram(err, exitFailure)
	}
	return exited(code)
}

func (a *App) attachCommand() *cobra.Command {
	var attach attachFlags
	var noStdin bool
	var exec string
	cmd := &cobra.Command{
		Use:   "attach [flags] CONTAINER",
		Short: "Attach to a running container, or to an exec in it",
		Example: `  cardctl attach web
  cardctl attach --no-stdin web
  cardctl attach --exec "$(cardctl exec -d web backup)" web`,
		Args: needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := attach.parse(); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				if exec != "" {
					return a.attachToExec(cmd.Context(), client.Containers(), args[0], exec, attach, noStdin)
				}
				return a.attachTo(cmd.Context(), client.Containers(), args[0], attach, noStdin)
			})
		},
	}
	attach.register(cmd, true)
	cmd.Flags().BoolVar(&noStdin, "no-stdin", false, "do not send input")
	cmd.Flags().StringVar(&exec, "exec", "", "id of an exec to attach to instead: what it has written since the last attachment comes first")
	return cmd
}

func (a *App) attachTo(ctx context.Context, containers cardplane.ContainerService, name string, flags attachFlags, noStdin bool) error {
	c, err := containers.Get(ctx, name)
	if err != nil {
		return err
	}
	if !c.State.Active() {
		return apierr.New(apierr.FailedPrecondition, "container_not_running", "container %s is %s; start it with `cardctl start -a %s`", c.Name, c.State, c.Name)
	}
	stdin := c.Spec.Stdin && !noStdin
	if err := a.checkTerminal(stdin, c.Spec.TTY); err != nil {
		return err
	}
	session, err := containers.Attach(ctx, c.ID, cardplane.AttachOptions{Stdin: stdin})
	if err != nil {
		return err
	}
	at := &attachment{
		app: a, session: session, stdin: stdin, tty: c.Spec.TTY, detachKeys: flags.keys,
		forward: a.forwarder(containers, c.ID, flags.sigProxy), begun: closed(),
	}
	return a.finish(ctx, at, c.Name)
}

// finish runs an attachment to a program that runs, and ends with its exit
// code.
func (a *App) finish(ctx context.Context, at *attachment, name string) error {
	code, err := at.run(ctx)
	if errors.Is(err, errDetached) {
		return a.detached()
	}
	if err != nil {
		return keepsRunning(err, name)
	}
	return exited(code)
}

// closed returns a channel that is closed.
func closed() <-chan struct{} {
	out := make(chan struct{})
	close(out)
	return out
}
