package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// commandWidth is how much of a command ps shows.
const commandWidth = 20

// newTable returns a writer that aligns tab-separated columns.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 3, ' ', 0) }

// psFlags are the flags of ps.
type psFlags struct {
	all, quiet, full bool
	filters          []string
}

func (a *App) psCommand() *cobra.Command {
	var f psFlags
	cmd := &cobra.Command{
		Use:   "ps [flags]",
		Short: "List containers",
		Args:  needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter := cardplane.ContainerFilter{All: f.all}
			for _, text := range f.filters {
				label, ok := strings.CutPrefix(text, "label=")
				if !ok {
					return usageError(cmd, "--filter %q is unknown; use label=KEY or label=KEY=VALUE", text)
				}
				filter.Labels = append(filter.Labels, label)
			}
			return a.withClient(func(client *httpclient.Client) error {
				containers, err := client.Containers().List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				return printContainers(a.Out, containers, f, time.Now())
			})
		},
	}
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "also containers that do not run")
	cmd.Flags().BoolVarP(&f.quiet, "quiet", "q", false, "print ids only")
	cmd.Flags().BoolVar(&f.full, "no-trunc", false, "print ids and commands in full")
	cmd.Flags().StringArrayVarP(&f.filters, "filter", "f", nil, "only containers with label=KEY or label=KEY=VALUE")
	return cmd
}

// printContainers prints the newest first, as docker does.
func printContainers(w io.Writer, containers []cardplane.Container, f psFlags, now time.Time) error {
	table := newTable(w)
	if !f.quiet {
		_, _ = fmt.Fprintln(table, "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tNAMES")
	}
	for i := len(containers) - 1; i >= 0; i-- {
		c := containers[i]
		id, command := c.ID, strings.Join(append(append([]string{}, c.Spec.Entrypoint...), c.Spec.Command...), " ")
		if !f.full {
			id, command = shortID(id), truncate(command)
		}
		if f.quiet {
			_, _ = fmt.Fprintln(table, id)
			continue
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%q\t%s\t%s\t%s\n", id, c.Spec.Image, command, ago(c.CreatedAt, now), status(c, now), c.Name)
	}
	return table.Flush()
}

func truncate(text string) string {
	runes := []rune(text)
	if len(runes) <= commandWidth {
		return text
	}
	return string(runes[:commandWidth-1]) + "…"
}

// status describes a container's state.
func status(c cardplane.Container, now time.Time) string {
	text := strings.ToUpper(string(c.State[:1])) + string(c.State[1:])
	switch c.State {
	case cardplane.Running:
		text = "Up " + humanDuration(now.Sub(c.StartedAt))
	case cardplane.Exited:
		return fmt.Sprintf("Exited (%d) %s", c.ExitCode, ago(c.FinishedAt, now))
	case cardplane.Failed:
		return "Failed " + ago(c.FinishedAt, now)
	case cardplane.Restarting:
		return fmt.Sprintf("Restarting (%d) %s", c.ExitCode, ago(c.FinishedAt, now))
	}
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return text
}

func (a *App) inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect CONTAINER|IMAGE [...]",
		Short: "Print containers and images as JSON",
		Args:  needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				found := []any{}
				var failed error
				for _, name := range args {
					object, err := inspect(cmd.Context(), client, name)
					if err != nil {
						a.printError(err)
						failed = &exitError{code: exitFailure}
						continue
					}
					found = append(found, object)
				}
				encoder := json.NewEncoder(a.Out)
				encoder.SetEscapeHTML(false)
				encoder.SetIndent("", "    ")
				if err := encoder.Encode(found); err != nil {
					return err
				}
				return failed
			})
		},
	}
}

// inspect returns the API's form of a container, or else of an image.
func inspect(ctx context.Context, client *httpclient.Client, name string) (any, error) {
	c, err := client.Containers().Get(ctx, name)
	if err == nil {
		return apimodel.ContainerToAPI(c), nil
	}
	if !apierr.Is(err, "container_not_found") {
		return nil, err
	}
	image, err := client.Images().Get(ctx, name)
	if err == nil {
		return apimodel.ImageToAPI(image), nil
	}
	if apierr.ClassOf(err) == apierr.NotFound || apierr.ClassOf(err) == apierr.InvalidArgument {
		return nil, apierr.New(apierr.NotFound, "object_not_found", "there is no container and no image %q; `cardctl ps -a` and `cardctl images` list them", name)
	}
	return nil, err
}
