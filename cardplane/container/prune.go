package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Prune implements [cardplane.ContainerService].
func (s *Service) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.ContainerFilter{All: true, Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	disks := s.diskSizes(ctx)
	for _, c := range all {
		idle := c.State == cardplane.Created || c.State.Ended()
		if !idle || !filter.Until.IsZero() && !c.CreatedAt.Before(filter.Until) {
			continue
		}
		size := disks[s.diskID(c.ID)] + s.journalSize(c.ID)
		err := s.Remove(ctx, c.ID, false, "")
		switch {
		case apierr.Is(err, "container_running"), apierr.Is(err, "container_not_found"):
			continue // somebody was faster
		case err != nil:
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, c.ID)
		pruned.Bytes += size
	}
	return pruned, nil
}

// diskSizes returns what each disk takes on the host, by id. A host that is
// away tells nothing.
func (s *Service) diskSizes(ctx context.Context) map[string]int64 {
	sizes, _ := s.knownDisks(ctx)
	return sizes
}

// knownDisks is diskSizes, and tells whether the host was there.
func (s *Service) knownDisks(ctx context.Context) (sizes map[string]int64, known bool) {
	ctx, cancel := context.WithTimeout(ctx, hostTimeout)
	defer cancel()
	disks, err := s.cfg.Sandboxes.Host().Disks(ctx)
	if err != nil {
		s.log.WithError(err).Debug("the sizes of disks are not known")
	}
	sizes = make(map[string]int64, len(disks))
	for _, d := range disks {
		sizes[d.Id] = d.AllocatedBytes
	}
	return sizes, err == nil
}

func (s *Service) journalSize(container string) int64 {
	size, err := logs.Size(s.journalDir(container))
	if err != nil {
		s.log.WithError(err).WithField("container", container).Debug("the size of a journal is not known")
	}
	return size
}
