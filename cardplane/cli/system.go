package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/version"
)

func (a *App) eventsCommand() *cobra.Command {
	var since, until string
	var noFollow bool
	var filters *filterFlag
	var f objectFlags
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Print what happens",
		Example: `  cardctl events --filter type=container --filter container=web
  cardctl events --since 1h --until 10m
  cardctl events --format '{{.type}} {{.name}} {{.attributes.status}}' --filter type=container.health_status`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := eventOptions(since, until, !noFollow, time.Now())
			if err := errors.Join(err, f.parse(cmd)); err != nil {
				return err
			}
			given, err := filters.values(cmd)
			if err != nil {
				return err
			}
			opts.EventFilter = cardplane.EventFilter{Types: given["type"], Containers: given["container"], Labels: given["label"]}
			return a.withClient(func(client *httpclient.Client) error { return a.printEvents(cmd.Context(), client, opts, f) })
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "begin with a time, or how long ago such as 10m, or after a sequence number; 0 is the oldest event kept (default: from now on)")
	cmd.Flags().StringVar(&until, "until", "", "end with a time, or how long ago such as 10m")
	cmd.Flags().BoolVar(&noFollow, "no-follow", false, "print the events kept so far and end")
	f.register(cmd, "text", "{{.type}} {{.name}}")
	filters = addFilterFlag(cmd, "type", "container", "label")
	return cmd
}

// eventOptions reads the flags of events.
func eventOptions(since, until string, follow bool, now time.Time) (cardplane.EventOptions, error) {
	opts := cardplane.EventOptions{Since: -1, Follow: follow}
	if !follow || since != "" {
		opts.Since = 0
	}
	var err error
	if since != "" {
		if opts.Since, err = strconv.ParseInt(since, 10, 64); err != nil || opts.Since < 0 {
			opts.Since = 0
			if opts.From, err = parseSince(since, now); err != nil {
				return opts, fmt.Errorf("--since: %w", err)
			}
		}
	}
	if until != "" {
		if opts.Until, err = parseSince(until, now); err != nil {
			return opts, fmt.Errorf("--until: %w", err)
		}
	}
	return opts, nil
}

func (a *App) printEvents(ctx context.Context, client *httpclient.Client, opts cardplane.EventOptions, f objectFlags) error {
	return a.persist(ctx, false, func(alive func()) error {
		reader, err := client.Events().Events(ctx, opts)
		if err != nil {
			return err
		}
		defer func() { _ = reader.Close() }()
		alive()
		for {
			event, err := reader.Next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			alive()
			opts.Since = event.Sequence
			if err := formatEvent(a.Out, event, f); err != nil {
				return err
			}
		}
	})
}

// formatEvent prints an event on a line of its own, as f says.
func formatEvent(w io.Writer, e cardplane.Event, f objectFlags) error {
	switch f.format {
	case f.fallback:
		return printEvent(w, e)
	case "json":
		line := json.NewEncoder(w)
		line.SetEscapeHTML(false)
		return line.Encode(apimodel.EventToAPI(e))
	}
	return f.print(w, apimodel.EventToAPI(e))
}

// printEvent prints one event a line:
//
//	2026-01-02T15:04:05.000000000Z 7 container start <id> (exitCode=0, name=web)
func printEvent(w io.Writer, e cardplane.Event) error {
	attributes := maps.Clone(e.Attributes)
	if attributes == nil {
		attributes = make(map[string]string)
	}
	if e.Name != "" {
		attributes["name"] = e.Name
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		pairs = append(pairs, key+"="+attributes[key])
	}
	object, action, _ := strings.Cut(string(e.Type), ".")
	_, err := fmt.Fprintf(w, "%s %d %s %s %s (%s)\n", e.Time.UTC().Format("2006-01-02T15:04:05.000000000Z"),
		e.Sequence, object, action, e.Subject, strings.Join(pairs, ", "))
	return err
}

func (a *App) versionCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:   "version [flags]",
		Short: "Print the versions of cardctl, the control plane and the compute host",
		Example: `  cardctl version
  cardctl version --format '{{.server.host.vmm}}'`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			if f.format == "table" {
				_, _ = fmt.Fprintf(a.Out, "Client:\n Version:\t%s\n Go version:\t%s\n", version.Release, runtime.Version())
			}
			return a.withClient(func(client *httpclient.Client) error {
				v, err := client.System().VersionInfo(cmd.Context())
				if err != nil {
					return err
				}
				if f.format == "table" {
					return printServer(a.Out, v)
				}
				return f.print(a.Out, versions{Client: version.Release, Server: apimodel.VersionToAPI(v)})
			})
		},
	}
	f.register(cmd, "table", "{{.server.version}}")
	return cmd
}

// versions are what version prints as JSON.
type versions struct {
	Client string          `json:"client"`
	Server cardapi.Version `json:"server"`
}

func printServer(w io.Writer, v cardplane.VersionInfo) error {
	_, err := fmt.Fprintf(w, "Control plane:\n Version:\t%s\n API version:\t%s\n Go version:\t%s\n Epoch:\t\t%d\n Guest kernel:\t%s\n",
		v.Version, v.APIVersion, v.GoVersion, v.Epoch, v.GuestKernel)
	if err != nil {
		return err
	}
	if !v.Host.Reachable {
		_, err = fmt.Fprintf(w, "Compute host:\n Not reachable:\t%s\n", v.Host.Detail)
		return err
	}
	networks := map[cardplane.NetworkMode]string{cardplane.HostMode: "host", cardplane.UserMode: "user mode, on the card"}[v.Host.Networks]
	_, err = fmt.Fprintf(w, "Compute host:\n Version:\t%s\n VMM:\t\t%s\n Networks:\t%s\n", v.Host.Version, v.Host.VMM, cmp.Or(networks, "none"))
	return err
}

func (a *App) doctorCommand() *cobra.Command {
	var f objectFlags
	cmd := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Check the card and the compute host, and say how to mend what they lack",
		Example: `  cardctl doctor
  cardctl doctor --format json`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.parse(cmd); err != nil {
				return err
			}
			checks, err := a.diagnose(cmd.Context())
			if err != nil {
				return err
			}
			if f.format == "table" {
				err = a.printChecks(checks)
			} else {
				err = f.print(a.Out, apimodel.ChecksToAPI(checks))
			}
			if err == nil && slices.ContainsFunc(checks, func(c cardplane.Check) bool { return c.Status == cardplane.CheckFail }) {
				return &exitError{code: exitFailure}
			}
			return err
		},
	}
	f.register(cmd, "table", "{{.healthy}}")
	return cmd
}

// diagnose asks the control plane, or looks at this machine where there is
// none.
func (a *App) diagnose(ctx context.Context) ([]cardplane.Check, error) {
	var checks []cardplane.Check
	err := a.withClient(func(client *httpclient.Client) error {
		var err error
		checks, err = client.System().Doctor(ctx)
		return err
	})
	var known *apierr.Error
	if err == nil || !isAway(err) || !errors.As(err, &known) {
		return checks, err
	}
	cause := known.Message
	if inner := errors.Unwrap(known); inner != nil {
		cause = inner.Error()
	}
	address, _ := a.address() // it was good enough to be tried
	checks = []cardplane.Check{{
		Where: "card", Name: "cardplaned", Status: cardplane.CheckFail,
		Detail: "cannot be reached at " + address + ": " + cause,
		Remedy: "start vmmd and then cardplaned on this machine, or name another control plane with --host or --context",
	}}
	if a.HostChecks != nil {
		checks = append(checks, a.HostChecks(ctx)...)
	}
	return checks, nil
}

// printChecks prints a line for every check, and its remedy below it.
func (a *App) printChecks(checks []cardplane.Check) error {
	paint := a.painter()
	table := newTable(a.Out)
	for _, c := range checks {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", paint(statusColour[c.Status], string(c.Status)), c.Where, c.Name, c.Detail)
		if c.Remedy != "" && c.Status != cardplane.CheckOK {
			_, _ = fmt.Fprintf(table, "%s\t\t\t→ %s\n", paint(statusColour[c.Status], ""), c.Remedy)
		}
	}
	return table.Flush()
}

// statusColour is how a check's status is painted.
var statusColour = map[cardplane.CheckStatus]colour{cardplane.CheckOK: green, cardplane.CheckWarn: yellow, cardplane.CheckFail: red}
