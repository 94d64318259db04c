package cli

import (
	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) volumeAttachCommand() *cobra.Command {
	var subpath string
	cmd := &cobra.Command{
		Use:     "attach [flags] VOLUME CONTAINER:PATH[:ro|rw]",
		Short:   "Mount a volume in a container, also while it runs",
		Example: "  cardctl volume attach data web:/srv/data\n  cardctl volume attach --subpath site data web:/srv/www:ro",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := parseVolume(args[1])
			if err != nil {
				return usageError(cmd, "CONTAINER:PATH: %w", err)
			}
			container := m.Volume
			m.Volume, m.Subpath = args[0], subpath
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Containers().AttachVolume(cmd.Context(), container, m)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&subpath, "subpath", "", "directory of the volume to mount in place of all of it")
	return cmd
}

func (a *App) volumeDetachCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "detach VOLUME CONTAINER",
		Short:   "Unmount a volume from a container, also while it runs",
		Long:    "Unmount a volume from a container, also while it runs, from wherever the container has it. While a program uses it, that fails.",
		Example: "  cardctl volume detach data web",
		Args:    needArgs(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				_, err := client.Containers().DetachVolume(cmd.Context(), args[1], args[0])
				return err
			})
		},
	}
}
