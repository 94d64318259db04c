package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) systemCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "system", Short: "Look at the control plane itself", Example: "  cardctl system df"}
	cmd.AddCommand(a.diskUsageCommand())
	return cmd
}

func (a *App) diskUsageCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:     "df [flags]",
		Short:   "Print what images, containers and logs take on the disks of card and compute host",
		Example: "  cardctl system df\n  cardctl system df --format json",
		Args:    needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				usage, err := client.System().DiskUsage(cmd.Context())
				if err != nil {
					return err
				}
				if f.format == "table" {
					return printUsage(a.Out, usage)
				}
				return f.print(a.Out, apimodel.UsageToAPI(usage))
			})
		},
	}
	f.register(cmd, "table", "{{json .items}}")
	return cmd
}

func printUsage(w io.Writer, usage []cardplane.DiskUsage) error {
	table := newTable(w)
	_, _ = fmt.Fprintln(table, "TYPE\tWHERE\tTOTAL\tACTIVE\tSIZE\tRECLAIMABLE")
	for _, u := range usage {
		size, reclaimable := "unknown", "unknown"
		if u.Known {
			size, reclaimable = humanSize(u.Size), humanSize(u.Reclaimable)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\n", u.Kind, u.Where, u.Count, u.Active, size, reclaimable)
	}
	return table.Flush()
}
