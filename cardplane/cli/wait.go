package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) waitCommand() *cobra.Command {
	var condition string
	cmd := &cobra.Command{
		Use:   "wait [flags] CONTAINER [CONTAINER...]",
		Short: "Wait for containers to end and print their exit codes, or to become healthy",
		Example: `  cardctl wait job
  cardctl wait --condition removed job
  cardctl wait --condition healthy web`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				for _, name := range args {
					if err := a.wait(cmd, client, name, cardplane.WaitCondition(condition)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&condition, "condition", string(cardplane.WaitNotRunning), "what to wait for: not-running, next-exit, removed or healthy")
	return cmd
}

// wait prints the exit code of one container, or that it is healthy, whatever happens to the control
// plane meanwhile.
func (a *App) wait(cmd *cobra.Command, client *httpclient.Client, name string, until cardplane.WaitCondition) error {
	c, err := client.Containers().Get(cmd.Context(), name)
	if err != nil {
		return err
	}
	err = a.persist(cmd.Context(), true, func(alive func()) error {
		// Any answer shows that the control plane is there.
		if _, err := client.Containers().Get(cmd.Context(), c.ID); err == nil {
			alive()
		}
		ended, err := client.Containers().Wait(cmd.Context(), c.ID, until)
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
	if until == cardplane.WaitHealthy && c.Health != nil {
		_, err = fmt.Fprintln(a.Out, c.Health.Status)
		return err
	}
	_, err = fmt.Fprintln(a.Out, c.ExitCode)
	return err
}
