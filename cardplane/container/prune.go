package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/prune"
)

// Prune implements [cardplane.ContainerService].
func (s *Service) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.ContainerFilter{All: true, Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	disks := s.diskSizes(ctx)
	var idle []prune.Object
	for _, c := range all {
		if c.State != cardplane.Created && !c.State.Ended() {
			continue
		}
		idle = append(idle, prune.Object{
			Name: c.ID, CreatedAt: c.CreatedAt, Bytes: disks[s.diskID(c.ID)] + s.journalSize(c.ID),
			Remove: func() error { return s.Remove(ctx, c.ID, false, "") },
		})
	}
	return prune.Objects(idle, filter.Until, "container_running")
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
