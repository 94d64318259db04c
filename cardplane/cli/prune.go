package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

func (a *App) containerCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "container", Short: "Manage containers", Example: "  cardctl container prune"}
	cmd.AddCommand(a.pruneCommand())
	return cmd
}

func (a *App) pruneCommand() *cobra.Command {
	cmd := a.pruning("containers", func() string { return "all containers that do not run, with their files and logs" },
		func(ctx context.Context, client *httpclient.Client, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
			return client.Containers().Prune(ctx, filter)
		})
	cmd.Short = "Remove all containers that do not run"
	cmd.Example = "  cardctl container prune -f --filter until=24h"
	return cmd
}

// pruning returns a command that asks, and then removes what prune does. things
// are what a filter selects from, and victims what is removed without one.
func (a *App) pruning(things string, victims func() string,
	prune func(context.Context, *httpclient.Client, cardplane.PruneFilter) (cardplane.Pruned, error),
) *cobra.Command {
	var force bool
	filter := &filterFlag{keys: []string{"label", "until"}}
	cmd := &cobra.Command{
		Use:  "prune [flags]",
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			selected, err := pruneFilter(cmd, filter, time.Now())
			if err != nil {
				return err
			}
			if !force && !a.confirm("This removes "+victims()+". Go on? [y/N] ") {
				return nil
			}
			return a.withClient(func(client *httpclient.Client) error {
				pruned, err := prune(cmd.Context(), client, selected)
				return errors.Join(err, a.printPruned(pruned, err == nil))
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "do not ask")
	cmd.Flags().StringArrayVar(&filter.texts, "filter", nil, "only "+things+" with "+filter.usage()+", made before TIME: a time, or how long ago such as 24h")
	filter.complete(cmd)
	return cmd
}

// printPruned prints what is gone, and where that is whole, what it took.
func (a *App) printPruned(pruned cardplane.Pruned, whole bool) error {
	for _, id := range pruned.IDs {
		if _, err := fmt.Fprintln(a.Out, id); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	_, err := fmt.Fprintf(a.Out, "Total reclaimed space: %s\n", humanSize(pruned.Bytes))
	return err
}

func pruneFilter(cmd *cobra.Command, filter *filterFlag, now time.Time) (cardplane.PruneFilter, error) {
	values, err := filter.values(cmd)
	if err != nil {
		return cardplane.PruneFilter{}, err
	}
	out := cardplane.PruneFilter{Labels: values["label"]}
	for _, text := range values["until"] {
		if out.Until, err = parseSince(text, now); err != nil {
			return out, fmt.Errorf("--filter until: %w", err)
		}
	}
	return out, nil
}

// confirm asks the user, for whom no answer is a no.
func (a *App) confirm(question string) bool {
	_, _ = fmt.Fprint(a.Err, question)
	line, _ := bufio.NewReader(a.In).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
