package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
)

// DiskUsage says what images, containers and logs take, as
// [cardplane.SystemService] has it.
func (s *Service) DiskUsage(ctx context.Context) ([]cardplane.DiskUsage, error) {
	layers := cardplane.DiskUsage{Kind: cardplane.UsageContainers, Where: "host"}
	logs := cardplane.DiskUsage{Kind: cardplane.UsageLogs, Where: "card", Known: true}
	var disks map[string]int64
	disks, layers.Known = s.knownDisks(ctx)
	var used []string
	for _, e := range s.all() {
		c := e.snapshot()
		used = append(used, c.ImageID)
		count(&layers, disks[s.diskID(c.ID)], c.State.Active())
		count(&logs, s.journalSize(c.ID), c.State.Active())
	}
	volumes, err := s.volumeUsage(ctx, disks)
	if err != nil {
		return nil, err
	}
	volumes.Known = layers.Known
	images, err := s.cfg.Images.DiskUsage(ctx, used)
	if err != nil {
		return nil, err
	}
	return append(images, layers, logs, volumes), nil
}

// volumeUsage says what volumes take, as far as the host has told of its disks.
func (s *Service) volumeUsage(ctx context.Context, disks map[string]int64) (cardplane.DiskUsage, error) {
	usage := cardplane.DiskUsage{Kind: cardplane.UsageVolumes, Where: "host"}
	all, err := s.volumes.List(ctx, cardplane.VolumeFilter{})
	for _, v := range all {
		count(&usage, disks[s.volumeDisk(v).ID], s.volumeUser(v.Name) != "")
	}
	return usage, err
}

func count(u *cardplane.DiskUsage, size int64, active bool) {
	u.Count++
	u.Size += size
	if active {
		u.Active++
	} else {
		u.Reclaimable += size
	}
}
