package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/version"
)

func (a *App) eventsCommand() *cobra.Command {
	var since int64
	var noFollow bool
	cmd := &cobra.Command{
		Use:   "events [flags]",
		Short: "Print what happens",
		Args:  needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := cardplane.EventOptions{Since: -1, Follow: !noFollow}
			if cmd.Flags().Changed("since") || noFollow {
				opts.Since = max(since, 0)
			}
			return a.withClient(func(client *httpclient.Client) error { return a.printEvents(cmd.Context(), client, opts) })
		},
	}
	cmd.Flags().Int64Var(&since, "since", 0, "begin after this sequence number; 0 is the oldest event kept (default: from now on)")
	cmd.Flags().BoolVar(&noFollow, "no-follow", false, "print the events kept so far and end")
	return cmd
}

func (a *App) printEvents(ctx context.Context, client *httpclient.Client, opts cardplane.EventOptions) error {
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
			if err := printEvent(a.Out, event); err != nil {
				return err
			}
		}
	})
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
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of cardctl, the control plane and the compute host",
		Args:  needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, _ = fmt.Fprintf(a.Out, "Client:\n Version:\t%s\n Go version:\t%s\n", version.Release, runtime.Version())
			return a.withClient(func(client *httpclient.Client) error {
				v, err := client.System().VersionInfo(cmd.Context())
				if err != nil {
					return err
				}
				return printServer(a.Out, v)
			})
		},
	}
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
	_, err = fmt.Fprintf(w, "Compute host:\n Version:\t%s\n VMM:\t\t%s\n", v.Host.Version, v.Host.VMM)
	return err
}

func (a *App) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check the card and the compute host, and say how to mend what they lack",
		Args:  needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := a.diagnose(cmd.Context())
			if err != nil {
				return err
			}
			if err := printChecks(a.Out, checks); err != nil {
				return err
			}
			if slices.ContainsFunc(checks, func(c cardplane.Check) bool { return c.Status == cardplane.CheckFail }) {
				return &exitError{code: exitFailure}
			}
			return nil
		},
	}
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
	checks = []cardplane.Check{{
		Where: "card", Name: "cardplaned", Status: cardplane.CheckFail,
		Detail: "cannot be reached at " + a.host + ": " + cause,
		Remedy: "start vmmd and then cardplaned on this machine, or name the control plane's address with --host or CARDPLANE_HOST",
	}}
	if a.HostChecks != nil {
		checks = append(checks, a.HostChecks(ctx)...)
	}
	return checks, nil
}

// printChecks prints a line for every check, and its remedy below it.
func printChecks(w io.Writer, checks []cardplane.Check) error {
	table := newTable(w)
	for _, c := range checks {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Status, c.Where, c.Name, c.Detail)
		if c.Remedy != "" && c.Status != cardplane.CheckOK {
			_, _ = fmt.Fprintf(table, "\t\t\t→ %s\n", c.Remedy)
		}
	}
	return table.Flush()
}
