package cardplanetest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *imageService) Tag(_ context.Context, ref, name string) (cardplane.Image, error) {
	return s.memory().named(ref, name, cardplane.ImageTagged, func(m *Memory, image cardplane.Image, full string) error {
		for _, other := range m.images {
			m.untagLocked(other.ID, full)
		}
		for i := range m.images {
			if m.images[i].ID == image.ID {
				names := append(slices.Clone(m.images[i].Names), full)
				slices.Sort(names)
				m.images[i].Names = names
			}
		}
		return nil
	})
}

func (s *imageService) Untag(_ context.Context, ref, name string) (cardplane.Image, error) {
	return s.memory().named(ref, name, cardplane.ImageUntagged, func(m *Memory, image cardplane.Image, full string) error {
		if !slices.Contains(image.Names, full) {
			return apierr.New(apierr.NotFound, "image_not_found", "image %s has no name %q; `cardctl images` lists the names", ref, name)
		}
		m.untagLocked(image.ID, full)
		return nil
	})
}

// named lets change alter the names of an image, with the lock held.
func (m *Memory) named(ref, name string, why cardplane.EventType, change func(m *Memory, image cardplane.Image, full string) error) (cardplane.Image, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	image, err := m.imageLocked(ref)
	if err != nil {
		return cardplane.Image{}, err
	}
	full, err := checkName(name)
	if err != nil {
		return cardplane.Image{}, err
	}
	if err := change(m, image, full); err != nil {
		return cardplane.Image{}, err
	}
	m.eventLocked(why, image.ID, full, nil)
	return m.imageLocked(image.ID)
}

// checkName refuses what plainly is no name and returns others complete.
func checkName(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "@ ") || strings.ToLower(name) != name {
		return "", apierr.New(apierr.InvalidArgument, "invalid_reference", "%q is no name; write it as [registry/]name[:tag]", name)
	}
	return normalise(name), nil
}

// History tells of one step.
func (s *imageService) History(ctx context.Context, ref string) ([]cardplane.HistoryEntry, error) {
	image, err := s.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	return []cardplane.HistoryEntry{{Created: image.Created, CreatedBy: "memory"}}, nil
}

func (s *imageService) Save(_ context.Context, opts cardplane.SaveOptions) (io.ReadCloser, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	files := make(map[string][]byte)
	var entries []archiveEntry
	for _, ref := range opts.Images {
		image, err := m.imageLocked(ref)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(entries, func(e archiveEntry) bool { return e.Config == image.ID })
		if at < 0 {
			at = len(entries)
			entries = append(entries, archiveEntry{Config: image.ID, Layers: []string{}})
			files[image.ID] = m.configs[image.ID]
		}
		if name := normalise(ref); slices.Contains(image.Names, name) {
			entries[at].RepoTags = append(entries[at].RepoTags, name)
		}
	}
	return io.NopCloser(bytes.NewReader(packArchive(entries, files))), nil
}

func (s *imageService) Prune(ctx context.Context, opts cardplane.ImagePruneOptions) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.ImageFilter{})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	for _, image := range all {
		if !opts.Match(image) {
			continue
		}
		_, err := s.Remove(ctx, image.ID, cardplane.RemoveOptions{Force: true, InUse: opts.InUse})
		if apierr.Is(err, "image_in_use") {
			continue
		}
		if err != nil {
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, image.ID)
		pruned.Bytes += image.Size
	}
	return pruned, nil
}

// DiskUsage counts what images claim.
func (s *imageService) DiskUsage(_ context.Context, used []string) ([]cardplane.DiskUsage, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	usage := cardplane.DiskUsage{Kind: cardplane.UsageImages, Where: "card", Known: true, Count: len(m.images)}
	for _, image := range m.images {
		usage.Size += image.Size
		if slices.Contains(used, image.ID) {
			usage.Active++
		} else {
			usage.Reclaimable += image.Size
		}
	}
	return []cardplane.DiskUsage{usage}, nil
}
