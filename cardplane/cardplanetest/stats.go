package cardplanetest

import (
	"context"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// Stats gives made-up figures: a program uses a millisecond between two samples.
func (s *containerService) Stats(ctx context.Context, ref string, opts cardplane.StatsOptions) (cardplane.StatsReader, error) {
	m := s.memory()
	return cardplane.ReadStats(ctx, opts, func(context.Context) (cardplane.Stats, error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		c, err := m.findLocked(ref)
		if err != nil {
			return cardplane.Stats{}, err
		}
		if _, err := c.runningLocked(); err != nil {
			return cardplane.Stats{}, err
		}
		c.samples++
		out := cardplane.Stats{ContainerID: c.ID, Time: m.nowLocked(), Processes: 1}
		out.CPU = cardplane.CPUStats{Total: time.Duration(c.samples) * time.Millisecond, Online: 1}
		out.Memory.Used, out.Memory.Cache, out.Memory.Limit = 3<<20, 1<<20, 256<<20
		out.Networks = []cardplane.NetworkStats{{Name: "lo"}}
		out.VM = &cardplane.VMStats{CPU: out.CPU.Total, MemoryBytes: 128 << 20}
		return out, nil
	})
}

func (s *containerService) Processes(_ context.Context, ref string) ([]cardplane.Process, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	if _, err := c.runningLocked(); err != nil {
		return nil, err
	}
	image, err := m.imageLocked(c.ImageID)
	if err != nil {
		return nil, err
	}
	command := strings.Join(argv(image.Config, c.Spec), " ")
	return []cardplane.Process{{PID: 1, State: "S", Threads: 1, MemoryBytes: 2 << 20, Command: command}}, nil
}
