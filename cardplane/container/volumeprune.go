package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Prune implements cardplane.VolumeService.
func (v *volumes) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := v.List(ctx, cardplane.VolumeFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	disks := v.svc.diskSizes(ctx)
	for _, volume := range all {
		if !filter.Until.IsZero() && !volume.CreatedAt.Before(filter.Until) {
			continue
		}
		err := v.Remove(ctx, volume.ID)
		switch {
		case apierr.Is(err, "volume_in_use"), apierr.Is(err, "volume_not_found"):
			continue
		case err != nil:
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, volume.Name)
		pruned.Bytes += disks[v.svc.volumeDisk(volume).ID]
	}
	return pruned, nil
}
