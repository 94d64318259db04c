package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) stopCommand() *cobra.Command {
	var seconds int
	var signal string
	cmd := &cobra.Command{
		Use:   "stop [flags] CONTAINER [CONTAINER...]",
		Short: "Ask programs to end, and kill them after a grace period",
		Args:  needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if seconds < 0 {
				return usageError(cmd, "--timeout is %d; it must not be negative", seconds)
			}
			opts := cardplane.StopOptions{Timeout: time.Duration(seconds) * time.Second, Signal: signal}
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error {
					_, err := client.Containers().Stop(cmd.Context(), name, opts)
					return err
				})
			})
		},
	}
	cmd.Flags().IntVarP(&seconds, "timeout", "t", 10, "grace period in seconds")
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "signal to ask with (default: the container's)")
	return cmd
}

func (a *App) killCommand() *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:   "kill [flags] CONTAINER [CONTAINER...]",
		Short: "Send a signal to containers",
		Args:  needArgs(1, -1),
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
		Args:  needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				return a.forEach(args, func(name string) error { return client.Containers().Remove(cmd.Context(), name, force) })
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill a running container first")
	return cmd
}

func (a *App) waitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wait CONTAINER [CONTAINER...]",
		Short: "Wait for containers to end and print their exit codes",
		Args:  needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				for _, name := range args {
					if err := a.wait(cmd, client, name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// wait prints the exit code of one container, whatever happens to the control
// plane meanwhile.
func (a *App) wait(cmd *cobra.Command, client *httpclient.Client, name string) error {
	c, err := client.Containers().Get(cmd.Context(), name)
	if err != nil {
		return err
	}
	err = a.persist(cmd.Context(), true, func(alive func()) error {
		// Any answer shows that the control plane is there.
		if _, err := client.Containers().Get(cmd.Context(), c.ID); err == nil {
			alive()
		}
		ended, err := client.Containers().Wait(cmd.Context(), c.ID)
		if err == nil {
			c = ended
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case c.Error != nil:
		return c.Error
	}
	_, err = fmt.Fprintln(a.Out, c.ExitCode)
	return err
}
