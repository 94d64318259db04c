package cardplanetest

import (
	"context"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *containerService) Wait(ctx context.Context, ref string, until cardplane.WaitCondition) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	if !slices.Contains([]cardplane.WaitCondition{"", cardplane.WaitNotRunning, cardplane.WaitNextExit, cardplane.WaitRemoved, cardplane.WaitHealthy}, until) {
		return cardplane.Container{}, apierr.New(apierr.InvalidArgument, "invalid_condition", "the condition %q is unknown", until).At("condition")
	}
	if until == cardplane.WaitHealthy {
		return m.waitHealthyLocked(ctx, c)
	}
	seen := c.ends
	err = m.untilLocked(ctx, func() bool {
		switch until {
		case cardplane.WaitNextExit:
			return c.ends > seen || c.removed
		case cardplane.WaitRemoved:
			return c.removed
		}
		return c.State.Ended() || c.removed
	})
	if err == nil && until == cardplane.WaitNextExit && c.ends > seen {
		return c.ended, nil
	}
	return c.Container, err
}

// noteEndLocked remembers the end of a run for those who wait for the next.
func (c *container) noteEndLocked() {
	c.ends++
	c.ended = c.Container
}

func (s *containerService) Prune(_ context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var pruned cardplane.Pruned
	for _, c := range slices.Clone(m.containers) {
		idle := c.State == cardplane.Created || c.State.Ended()
		early := filter.Until.IsZero() || c.CreatedAt.Before(filter.Until)
		wanted := cardplane.ContainerFilter{All: true, Labels: filter.Labels}
		if !idle || !early || !wanted.Match(c.Container) {
			continue
		}
		m.removeLocked(c)
		pruned.IDs = append(pruned.IDs, c.ID)
		for _, record := range c.log {
			pruned.Bytes += int64(len(record.Data))
		}
	}
	return pruned, nil
}
