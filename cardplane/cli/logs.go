package cli

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/httpclient"
)

// logsFlags are the flags of logs.
type logsFlags struct {
	follow, timestamps bool
	tail, since, until string
}

func (f logsFlags) options(now time.Time) (cardplane.LogOptions, error) {
	opts := cardplane.LogOptions{Follow: f.follow, Stdout: true, Stderr: true, Tail: -1}
	var err error
	if f.tail != "all" && f.tail != "-1" {
		if opts.Tail, err = strconv.ParseInt(f.tail, 10, 64); err != nil || opts.Tail < 0 {
			return opts, fmt.Errorf("--tail: %q is no number of lines; use one, or all", f.tail)
		}
	}
	if f.since != "" {
		if opts.Since, err = parseSince(f.since, now); err != nil {
			return opts, fmt.Errorf("--since: %w", err)
		}
	}
	if f.until != "" {
		if opts.Until, err = parseSince(f.until, now); err != nil {
			return opts, fmt.Errorf("--until: %w", err)
		}
	}
	return opts, nil
}

func (a *App) logsCommand() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs [flags] CONTAINER",
		Short: "Print the output of a container",
		Example: `  cardctl logs -f web
  cardctl logs -n 20 -t web
  cardctl logs --since 10m web`,
		Args: needArgs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := f.options(time.Now())
			if err != nil {
				return err
			}
			return a.withClient(func(client *httpclient.Client) error {
				printer := newLogPrinter(a, f.timestamps)
				follower := &logFollower{
					app: a, containers: client.Containers(), ref: args[0], opts: opts,
					seen: make(map[cardplane.Stream]int64), write: printer.print,
				}
				return follower.run(cmd.Context())
			})
		},
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on until the container has ended")
	cmd.Flags().BoolVarP(&f.timestamps, "timestamps", "t", false, "begin each line with its time")
	cmd.Flags().StringVarP(&f.tail, "tail", "n", "all", "begin with this many last lines")
	cmd.Flags().StringVar(&f.since, "since", "", "leave out what is older: a time, or how long ago such as 10m")
	cmd.Flags().StringVar(&f.until, "until", "", "leave out what is newer: a time, or how long ago such as 10m")
	return cmd
}

// logPrinter prints records to the streams they belong to.
type logPrinter struct {
	app        *App
	timestamps bool
	midLine    map[cardplane.Stream]bool
}

func newLogPrinter(a *App, timestamps bool) *logPrinter {
	return &logPrinter{app: a, timestamps: timestamps, midLine: make(map[cardplane.Stream]bool)}
}

func (p *logPrinter) print(record cardplane.LogRecord) error {
	if record.Lost > 0 {
		if _, err := fmt.Fprintf(p.app.Err, "cardctl: %d bytes of %s were dropped here\n", record.Lost, record.Stream); err != nil {
			return err
		}
	}
	if !p.timestamps {
		return p.app.writeOutput(record.Stream, record.Data)
	}
	w := p.app.Out
	if record.Stream == cardplane.Stderr {
		w = p.app.Err
	}
	return p.printStamped(w, record)
}

// printStamped begins every line with the time of its first bytes.
func (p *logPrinter) printStamped(w io.Writer, record cardplane.LogRecord) error {
	var out bytes.Buffer
	for line := range bytes.Lines(record.Data) {
		if !p.midLine[record.Stream] {
			out.WriteString(record.Time.UTC().Format("2006-01-02T15:04:05.000000000Z "))
		}
		out.Write(line)
		p.midLine[record.Stream] = line[len(line)-1] != '\n'
	}
	_, err := w.Write(out.Bytes())
	return err
}
