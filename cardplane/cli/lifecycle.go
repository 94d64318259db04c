package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) stopCommand() *cobra.Command {
	return a.stoppingCommand("stop", "Ask programs to end, and kill them after a grace period", cardplane.ContainerService.Stop)
}

func (a *App) restartCommand() *cobra.Command {
	return a.stoppingCommand("restart", "Stop containers that run, and start them again", cardplane.ContainerService.Restart)
}

// stoppingCommand is a command that begins with a stop.
func (a *App) stoppingCommand(name, short string, do func(cardplane.ContainerService, context.Context, string, cardplane.StopOptions) (cardplane.Container, error)) *cobra.Command {
	var seconds int
	var signal string
	cmd := &cobra.Command{
		Use:     name + " [flags] CONTAINER [CONTAINER...]",
		Short:   short,
		Example: "  cardctl " + name + " web\n  cardctl " + name + " -t 30 web db",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if seconds < 0 && cmd.Flags().Changed("timeout") {
				return usageError(cmd, "--timeout is %d; it must not be negative", seconds)
			}
			opts := cardplane.StopOptions{Timeout: time.Duration(seconds) * time.Second, Signal: signal}
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error {
					_, err := do(client.Containers(), cmd.Context(), name, opts)
					return err
				})
			})
		},
	}
	cmd.Flags().IntVarP(&seconds, "timeout", "t", -1, "grace period in seconds (default: the container's)")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal to ask with (default: the container's)")
	return cmd
}

func (a *App) pauseCommand() *cobra.Command {
	return a.actCommand("pause", "Freeze all processes of containers", cardplane.ContainerService.Pause)
}

func (a *App) unpauseCommand() *cobra.Command {
	return a.actCommand("unpause", "Let the processes of paused containers go on", cardplane.ContainerService.Unpause)
}

// actCommand is a command that does one thing to each container.
func (a *App) actCommand(name, short string, do func(cardplane.ContainerService, context.Context, string) (cardplane.Container, error)) *cobra.Command {
	return &cobra.Command{
		Use:     name + " CONTAINER [CONTAINER...]",
		Short:   short,
		Example: "  cardctl " + name + " web",
		Args:    needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error {
					_, err := do(client.Containers(), cmd.Context(), name)
					return err
				})
			})
		},
	}
}

func (a *App) renameCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rename CONTAINER NEW_NAME",
		Short:   "Give a container another name",
		Example: "  cardctl rename web web-old",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Containers().Rename(cmd.Context(), args[0], args[1], "")
				return err
			})
		},
	}
}

func (a *App) killCommand() *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill [flags] CONTAINER [CONTAINER...]",
		Short: "Send a signal to containers",
		Example: `  cardctl kill web
  cardctl kill -s HUP web`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Containers().Kill(cmd.Context(), name, signal) })
			})
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "SIGKILL", "name or number of the signal")
	return cmd
}

func (a *App) rmCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm [flags] CONTAINER [CONTAINER...]",
		Short: "Remove containers",
		Example: `  cardctl rm web
  cardctl rm -f web db`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Containers().Remove(cmd.Context(), name, force, "") })
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill a running container first")
	return cmd
}
