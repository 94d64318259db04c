package container

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// hostPatience bounds the wait for the compute host's part of a sample.
const hostPatience = 2 * time.Second

// Stats implements [cardplane.StatsService].
func (s *Service) Stats(ctx context.Context, ref string, opts cardplane.StatsOptions) (cardplane.StatsReader, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return nil, err
	}
	return cardplane.ReadStats(ctx, opts, e.stats)
}

// stats takes a sample.
func (e *entry) stats(ctx context.Context) (cardplane.Stats, error) {
	r, err := e.runningRun(ctx)
	if err != nil {
		return cardplane.Stats{}, err
	}
	var inside guestapi.Stats
	err = r.command(ctx, func(ctx context.Context) (err error) {
		inside, err = r.sb.Guest().Stats(ctx, e.id)
		return err
	})
	if err != nil {
		return cardplane.Stats{}, e.notRunning(err)
	}
	out := statsOf(inside)
	out.ContainerID, out.VM = e.id, r.vmStats(ctx)
	return out, nil
}

func statsOf(in guestapi.Stats) cardplane.Stats {
	out := cardplane.Stats{
		Time: in.Time, Processes: int(in.Processes),
		CPU: cardplane.CPUStats{
			Total: microseconds(in.CpuMicroseconds), User: microseconds(in.UserMicroseconds),
			System: microseconds(in.SystemMicroseconds), Online: int(in.OnlineCpus),
		},
		IO: cardplane.IOStats{ReadBytes: in.ReadBytes, WrittenBytes: in.WrittenBytes, Reads: in.Reads, Writes: in.Writes},
	}
	out.Memory.Used, out.Memory.Cache, out.Memory.Limit = in.MemoryBytes, in.MemoryCacheBytes, in.MemoryLimitBytes
	for _, n := range in.Networks {
		out.Networks = append(out.Networks, cardplane.NetworkStats(n))
	}
	return out
}

// microseconds takes no more of a guest's word than fits.
func microseconds(n int64) time.Duration {
	return time.Duration(min(max(n, 0), 1<<50)) * time.Microsecond
}

// vmStats returns what the run's machine takes, nil where the host does not
// say so at once.
func (r *run) vmStats(ctx context.Context) *cardplane.VMStats {
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	usage, err := r.sb.Usage(ctx)
	if err != nil || usage == nil {
		return nil
	}
	return &cardplane.VMStats{
		CPU: microseconds(value(usage.CpuMicroseconds)), MemoryBytes: value(usage.MemoryBytes),
		ReadBytes: value(usage.ReadBytes), WrittenBytes: value(usage.WrittenBytes),
	}
}

// value returns what p points to, the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// Processes implements [cardplane.StatsService].
func (s *Service) Processes(ctx context.Context, ref string) ([]cardplane.Process, error) {
	e, err := s.lookup(ref)
	if err != nil {
		return nil, err
	}
	r, err := e.runningRun(ctx)
	if err != nil {
		return nil, err
	}
	var list []guestapi.ProcessInfo
	err = r.command(ctx, func(ctx context.Context) (err error) {
		list, err = r.sb.Guest().Processes(ctx, e.id)
		return err
	})
	if err != nil {
		return nil, e.notRunning(err)
	}
	var out []cardplane.Process
	for _, p := range list {
		out = append(out, cardplane.Process{
			PID: int(p.Pid), ParentPID: int(p.ParentPid), UID: p.Uid, State: p.State, Threads: int(p.Threads),
			CPU: microseconds(p.CpuMicroseconds), MemoryBytes: p.MemoryBytes, Command: p.Command,
		})
	}
	return out, nil
}
