package cardplane

import (
	"context"
	"io"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Stats is what a container has used. Counters count from the start of its run,
// and are 0 where the guest's kernel does not count.
type Stats struct {
	ContainerID string
	// Time is when it was counted, by the guest's clock.
	Time time.Time
	CPU  CPUStats
	// Memory is in bytes. Limit is the virtual machine's memory as the guest sees
	// it, or the limit that an update has set where that is less; Cache is the
	// part of Used that is inactive page cache.
	Memory struct{ Used, Cache, Limit int64 }
	// Processes is how many there are.
	Processes int
	IO        IOStats
	Networks  []NetworkStats
	// VM is what the virtual machine takes from the compute host, its monitor
	// included. It is nil while the host cannot be asked.
	VM *VMStats
}

// CPUStats is CPU time. Online counts the virtual CPUs.
type CPUStats struct {
	Total, User, System time.Duration
	Online              int
}

// IOStats counts what block devices have done.
type IOStats struct{ ReadBytes, WrittenBytes, Reads, Writes int64 }

// NetworkStats counts what an interface in a container has done.
type NetworkStats struct {
	Name                           string
	ReceivedBytes, ReceivedPackets int64
	SentBytes, SentPackets         int64
}

// VMStats is what a virtual machine takes. A field is 0 where the host does not
// count.
type VMStats struct {
	CPU                     time.Duration
	MemoryBytes             int64
	ReadBytes, WrittenBytes int64
}

// Process is a process in a container.
type Process struct {
	// PID is 1 for the container's first process. ParentPID is 0 where the
	// parent is not in the container.
	PID, ParentPID int
	UID            int64
	// State is one letter, as in proc(5).
	State       string
	Threads     int
	CPU         time.Duration
	MemoryBytes int64
	// Command is the beginning of the command line.
	Command string
}

// StatsOptions tell how often to count.
type StatsOptions struct {
	// Follow goes on until the container has ended.
	Follow bool
	// Interval is the time between two samples; 0 means a second.
	Interval time.Duration
}

// StatsReader reads samples.
type StatsReader interface {
	// Next returns the next sample once it is due, io.EOF after the last, or
	// ctx's error.
	Next(ctx context.Context) (Stats, error)
	// Close releases the reader.
	Close() error
}

// StatsService looks into containers that run. Both methods fail with
// container_not_running for others.
type StatsService interface {
	// Stats begins to count. The first sample has been taken when it returns.
	Stats(ctx context.Context, ref string, opts StatsOptions) (StatsReader, error)
	// Processes returns the oldest processes of a container, ordered by PID.
	Processes(ctx context.Context, ref string) ([]Process, error)
}

// ReadStats makes a StatsReader of a function that takes one sample.
func ReadStats(ctx context.Context, opts StatsOptions, sample func(context.Context) (Stats, error)) (StatsReader, error) {
	first, err := sample(ctx)
	if err != nil {
		return nil, err
	}
	if opts.Interval <= 0 {
		opts.Interval = time.Second
	}
	return &sampler{sample: sample, opts: opts, first: &first}, nil
}

type sampler struct {
	sample func(context.Context) (Stats, error)
	opts   StatsOptions
	first  *Stats // not yet returned
}

// Next implements StatsReader.
func (s *sampler) Next(ctx context.Context) (Stats, error) {
	if first := s.first; first != nil {
		s.first = nil
		return *first, nil
	}
	if !s.opts.Follow {
		return Stats{}, io.EOF
	}
	due := time.NewTimer(s.opts.Interval)
	defer due.Stop()
	select {
	case <-due.C:
	case <-ctx.Done():
		return Stats{}, ctx.Err()
	}
	stats, err := s.sample(ctx)
	if apierr.Is(err, "container_not_running") || apierr.Is(err, "container_not_found") {
		err = io.EOF
	}
	return stats, err
}

// Close implements StatsReader.
func (s *sampler) Close() error { return nil }
