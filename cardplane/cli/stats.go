package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// statsInterval is the time between two rows of a container.
const statsInterval = time.Second

// clearScreen makes a terminal empty and goes to its first line.
const clearScreen = "\x1b[H\x1b[2J"

// statsTable is the format "table".
const statsTable = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}\t{{.VMCPUPerc}}\t{{.VMMem}}"

const statsHead = "CONTAINER ID\tNAME\tCPU %\tMEM USAGE / LIMIT\tNET I/O\tBLOCK I/O\tPIDS\tVM CPU %\tVM MEM"

func (a *App) statsCommand() *cobra.Command {
	var once bool
	var format string
	cmd := &cobra.Command{
		Use:   "stats [flags] [CONTAINER...]",
		Short: "Show what running containers use",
		Long: `Show what running containers use, all of them unless some are named.

Beside what the guest's kernel counts for the container stands what its virtual
machine takes from the compute host. The format is table, json (each sample as
the API has it), or a Go template with .ID .Name .CPUPerc .MemUsage .NetIO
.BlockIO .PIDs .VMCPUPerc and .VMMem.`,
		Example: "  cardctl stats --no-stream --format '{{.Name}} {{.CPUPerc}}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			show, err := a.statsPrinter(format, once)
			if err != nil {
				return usageError(cmd, "--format: %w", err)
			}
			return a.withClient(func(client *httpclient.Client) error {
				return watchStats(cmd.Context(), client.Containers(), args, once, show)
			})
		},
	}
	cmd.Flags().BoolVar(&once, "no-stream", false, "end after the first figures")
	cmd.Flags().StringVar(&format, "format", "table", "table, json, or a Go template")
	return cmd
}

// statsRow is what a template sees.
type statsRow struct {
	ID, Name, CPUPerc, MemUsage, NetIO, BlockIO string
	PIDs                                        int
	VMCPUPerc, VMMem                            string
}

// measured are two samples of a container, one after another.
type measured struct {
	container     cardplane.Container
	before, after cardplane.Stats
}

func (m measured) row() statsRow {
	s := m.after
	row := statsRow{
		ID: shortID(m.container.ID), Name: m.container.Name, PIDs: s.Processes,
		CPUPerc:  m.percent(s.CPU.Total - m.before.CPU.Total),
		MemUsage: humanSize(max(0, s.Memory.Used-s.Memory.Cache)) + " / " + humanSize(s.Memory.Limit),
		BlockIO:  humanSize(s.IO.ReadBytes) + " / " + humanSize(s.IO.WrittenBytes),
	}
	var received, sent int64
	for _, n := range s.Networks {
		if n.Name != "lo" {
			received, sent = received+n.ReceivedBytes, sent+n.SentBytes
		}
	}
	row.NetIO = humanSize(received) + " / " + humanSize(sent)
	row.VMCPUPerc, row.VMMem = "-", "-"
	if s.VM != nil && m.before.VM != nil {
		row.VMCPUPerc, row.VMMem = m.percent(s.VM.CPU-m.before.VM.CPU), humanSize(s.VM.MemoryBytes)
	}
	return row
}

// percent is how much of one CPU was used.
func (m measured) percent(used time.Duration) string {
	passed := m.after.Time.Sub(m.before.Time)
	if passed <= 0 {
		return "0.00%"
	}
	return fmt.Sprintf("%.2f%%", 100*float64(used)/float64(passed))
}

// statsPrinter returns what prints the newest figures of all containers.
func (a *App) statsPrinter(format string, once bool) (func([]measured) error, error) {
	if format == "json" {
		lines := json.NewEncoder(a.Out)
		return func(all []measured) error {
			for _, m := range all {
				if err := lines.Encode(apimodel.StatsToAPI(m.after)); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
	table := format == "table"
	if table {
		format = statsTable
	}
	row, err := template.New("row").Parse(format + "\n")
	if err == nil {
		err = row.Execute(io.Discard, statsRow{})
	}
	if err != nil {
		return nil, err
	}
	_, isTerminal := terminal(a.Out)
	return func(all []measured) error {
		var out strings.Builder
		if table && isTerminal && !once {
			out.WriteString(clearScreen)
		}
		w := newTable(&out)
		if table {
			_, _ = fmt.Fprintln(w, statsHead)
		}
		for _, m := range all {
			if err := row.Execute(w, m.row()); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
		_, err := io.WriteString(a.Out, out.String())
		return err
	}, nil
}

// watchStats shows the figures of containers until all have ended, or once.
func watchStats(ctx context.Context, service cardplane.ContainerService, names []string, once bool, show func([]measured) error) error {
	containers, err := named(ctx, service, names)
	if err != nil {
		return err
	}
	b := &board{latest: make([]*measured, len(containers))}
	group, ctx := errgroup.WithContext(ctx)
	for i, c := range containers {
		group.Go(func() error {
			err := b.follow(ctx, service, c, i, once)
			if len(names) == 0 && apierr.Is(err, "container_not_running") {
				return nil // it is being started, or has ended meanwhile
			}
			return err
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	for tick := time.NewTicker(statsInterval); ; {
		select {
		case err := <-done:
			tick.Stop()
			if all := b.all(); once && err == nil {
				err = show(all)
			}
			return err
		case <-tick.C:
		}
		if all := b.all(); !once && len(all) > 0 {
			if err := show(all); err != nil {
				return err
			}
		}
	}
}

// named returns the named containers, or all that run.
func named(ctx context.Context, service cardplane.ContainerService, names []string) ([]cardplane.Container, error) {
	if len(names) == 0 {
		return service.List(ctx, cardplane.ContainerFilter{})
	}
	var out []cardplane.Container
	for _, name := range names {
		c, err := service.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// board has the newest figures of every container.
type board struct {
	mu     sync.Mutex
	latest []*measured // nil before the second sample, and after the end
}

func (b *board) all() []measured {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []measured
	for _, m := range b.latest {
		if m != nil {
			out = append(out, *m)
		}
	}
	return out
}

func (b *board) put(i int, m *measured) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest[i] = m
}

// follow keeps the figures of one container up to date until it has ended.
func (b *board) follow(ctx context.Context, service cardplane.ContainerService, c cardplane.Container, i int, once bool) error {
	reader, err := service.Stats(ctx, c.ID, cardplane.StatsOptions{Follow: true, Interval: statsInterval})
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	var before *cardplane.Stats
	for {
		stats, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) {
			b.put(i, nil)
			return nil
		}
		if err != nil {
			return err
		}
		if before != nil {
			b.put(i, &measured{container: c, before: *before, after: stats})
			if once {
				return nil
			}
		}
		before = &stats
	}
}
