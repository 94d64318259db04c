package cli

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// historyWidth is how much of a command history shows.
const historyWidth = 45

func (a *App) imageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Manage images", Example: "  cardctl image prune"}
	cmd.AddCommand(a.imagePruneCommand())
	return cmd
}

func (a *App) imagePruneCommand() *cobra.Command {
	var all bool
	victims := func() string {
		if all {
			return "all images that no container uses"
		}
		return "all images without a name that no container uses"
	}
	cmd := a.pruning("images", victims,
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return client.Images().Prune(ctx, cardplane.ImagePruneOptions{PruneFilter: filter, All: all})
		})
	cmd.Short = "Remove images without a name, or all, that no container uses"
	cmd.Example = "  cardctl image prune -af --filter until=240h"
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also images with names")
	return cmd
}

func (a *App) historyCommand() *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:     "history [flags] IMAGE",
		Short:   "Print how an image was made, as it claims",
		Example: "  cardctl history demo/python\n  cardctl history --no-trunc --format '{{.CreatedBy}}' demo/python",
		Args:    needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				history, err := client.Images().History(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printHistory(a.Out, history, f, time.Now())
			})
		},
	}
	f.register(cmd, ".Layer .Created .CreatedBy .Size and .Comment")
	return cmd
}

// historyView is a step of an image's making as a template sees it.
type historyView struct{ Layer, Created, CreatedBy, Size, Comment string }

func printHistory(w io.Writer, history []cardplane.HistoryEntry, f listFlags, now time.Time) error {
	var rows []row
	for i, step := range apimodel.HistoryToAPI(history).Items {
		h := history[i]
		v := historyView{Layer: f.id(h.Layer), Created: ago(h.Created, now), CreatedBy: h.CreatedBy, Size: humanSize(h.Size), Comment: h.Comment}
		if v.Layer == "" {
			v.Layer = "<none>"
		}
		if !f.full {
			v.CreatedBy = truncate(v.CreatedBy, historyWidth)
		}
		cells := []string{v.Layer, v.Created, strconv.Quote(v.CreatedBy), v.Size, v.Comment}
		rows = append(rows, row{id: v.Layer, cells: cells, view: v, api: step})
	}
	return f.print(w, "LAYER\tCREATED\tCREATED BY\tSIZE\tCOMMENT", rows)
}
