package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// commandWidth is how much of a command ps shows.
const commandWidth = 20

// newTable returns a writer that aligns tab-separated columns.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 3, ' ', 0) }

func (a *App) psCommand() *cobra.Command {
	var f listFlags
	var all bool
	var filters *filterFlag
	cmd := &cobra.Command{
		Use:   "ps [flags]",
		Short: "List containers",
		Example: `  cardctl ps -a
  cardctl ps --filter label=role=web --format '{{.Name}} {{.Status}}'
  cardctl ps -aq --filter state=exited
  cardctl ps --filter health=unhealthy
  cardctl ps --filter sandbox=shop`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := filters.values(cmd)
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			filter := cardplane.ContainerFilter{All: all, Labels: given["label"], Names: given["name"], Sandboxes: given["sandbox"]}
			for _, state := range given["state"] {
				filter.States = append(filter.States, cardplane.State(state))
			}
			for _, status := range given["health"] {
				filter.Health = append(filter.Health, cardplane.HealthStatus(status))
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
	cmd.Flags().BoolVarP(&all, "all", "a", false, "also containers that do not run")
	f.register(cmd, ".ID .Image .Command .Created .State .Status .Ports .Name .Sandbox and .Labels")
	filters = addFilterFlag(cmd, "label", "name", "state", "health", "sandbox")
	return cmd
}

// containerView is a container as a template sees it.
type containerView struct {
	ID, Image, Command, Created, State, Status, Ports, Name, Sandbox string
	Labels                                                           map[string]string
}

// printContainers prints the newest first, as docker does. Sandboxes have a
// column where there are any.
func printContainers(w io.Writer, containers []cardplane.Container, f listFlags, now time.Time) error {
	var rows []row
	header := "CONTAINER ID\tIMAGE\tCOMMAND\tCREATED\tSTATUS\tPORTS\tNAMES"
	shared := slices.ContainsFunc(containers, func(c cardplane.Container) bool { return c.Spec.Sandbox != "" })
	if shared {
		header += "\tSANDBOX"
	}
	for _, c := range slices.Backward(containers) {
		v := containerView{
			ID: f.id(c.ID), Image: c.Spec.Image, Command: strings.Join(slices.Concat(c.Spec.Entrypoint, c.Spec.Command), " "),
			Created: ago(c.CreatedAt, now), State: string(c.State), Status: status(c, now), Ports: portsText(c), Name: c.Name, Sandbox: c.Spec.Sandbox, Labels: c.Spec.Labels,
		}
		if !f.full {
			v.Command = truncate(v.Command, commandWidth)
		}
		cells := []string{v.ID, v.Image, strconv.Quote(v.Command), v.Created, v.Status, v.Ports, v.Name}
		if shared {
			cells = append(cells, v.Sandbox)
		}
		rows = append(rows, row{id: v.ID, cells: cells, view: v, api: apimodel.ContainerToAPI(c)})
	}
	return f.print(w, header, rows)
}

// truncate returns at most width characters of text.
func truncate(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// status describes a container's state.
func status(c cardplane.Container, now time.Time) string {
	text := strings.ToUpper(string(c.State[:1])) + string(c.State[1:])
	switch c.State {
	case cardplane.Running:
		text = "Up " + humanDuration(now.Sub(c.StartedAt)) + healthText(c.Health)
	case cardplane.Paused:
		text = "Up " + humanDuration(now.Sub(c.StartedAt)) + " (Paused)"
	case cardplane.Exited:
		return fmt.Sprintf("Exited (%s) %s", exitText(c), ago(c.FinishedAt, now))
	case cardplane.Failed:
		return fmt.Sprintf("Failed (%s) %s", c.EndReason, ago(c.FinishedAt, now))
	case cardplane.Restarting:
		return fmt.Sprintf("Restarting (%s) %s", exitText(c), ago(c.FinishedAt, now))
	}
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	return text
}

// healthText is what docker shows of a container's health.
func healthText(h *cardplane.Health) string {
	switch {
	case h == nil:
		return ""
	case h.Status == cardplane.HealthStarting:
		return " (health: starting)"
	}
	return " (" + string(h.Status) + ")"
}

// exitText tells how the latest run has ended: "3", "137, SIGKILL", "137, oom".
func exitText(c cardplane.Container) string {
	switch c.EndReason {
	case "", cardplane.EndExited:
		return strconv.Itoa(c.ExitCode)
	case cardplane.EndSignaled:
		return fmt.Sprintf("%d, %s", c.ExitCode, cmp.Or(unix.SignalName(syscall.Signal(c.Signal)), "signal "+strconv.Itoa(c.Signal)))
	case cardplane.EndOOM, cardplane.EndGuestOOM:
		return fmt.Sprintf("%d, %s", c.ExitCode, c.EndReason)
	}
	return string(c.EndReason)
}

func (a *App) inspectCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:   "inspect [flags] CONTAINER|IMAGE [...]",
		Short: "Print containers and images as the API has them",
		Example: `  cardctl inspect web
  cardctl inspect --format '{{.state}} {{.guest.kernel}}' web
  cardctl inspect demo/python`,
		Args: needArgs(1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
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
				if err := f.printAll(a.Out, found); err != nil {
					return err
				}
				return failed
			})
		},
	}
	f.register(cmd, "json", "{{.state}}")
	return cmd
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
