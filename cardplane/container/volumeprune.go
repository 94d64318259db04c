package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/prune"
)

// Prune implements cardplane.VolumeService.
func (v *volumes) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := v.List(ctx, cardplane.VolumeFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	disks := v.svc.diskSizes(ctx)
	list := make([]prune.Object, len(all))
	for i, one := range all {
		list[i] = prune.Object{
			Name: one.Name, CreatedAt: one.CreatedAt, Bytes: disks[v.svc.volumeDisk(one).ID],
			Remove: func() error { return v.Remove(ctx, one.ID) },
		}
	}
	return prune.Objects(list, filter.Until, "volume_in_use")
}
