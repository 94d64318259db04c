package image

import (
	"context"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Prune implements [cardplane.ImageService].
func (s *Store) Prune(ctx context.Context, opts cardplane.ImagePruneOptions) (cardplane.Pruned, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return cardplane.Pruned{}, err
	}
	defer end()
	pruned, err := s.prune(ctx, opts)
	return pruned, s.userError(err, "pruning images")
}

func (s *Store) prune(ctx context.Context, opts cardplane.ImagePruneOptions) (pruned cardplane.Pruned, err error) {
	before, err := s.onDisk()
	if err != nil {
		return pruned, err
	}
	all, err := s.List(ctx, cardplane.ImageFilter{})
	if err != nil {
		return pruned, err
	}
	slices.Reverse(all) // the oldest first
	for _, i := range all {
		if !opts.Match(i) {
			continue
		}
		_, err := s.remove(ctx, i.ID, cardplane.RemoveOptions{Force: true, InUse: opts.InUse}, opts.Match)
		switch {
		case apierr.Is(err, "image_in_use"), apierr.Is(err, "image_not_found"):
			continue
		case err != nil:
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, i.ID)
	}
	if err := s.trimParts(0); err != nil {
		return pruned, err
	}
	after, err := s.onDisk()
	pruned.Bytes = max(0, before-after)
	return pruned, err
}
