package image

import (
	"bytes"
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cardplane/cardplane/cardplane"
)

// History implements [cardplane.ImageService].
func (s *Store) History(_ context.Context, nameOrID string) ([]cardplane.HistoryEntry, error) {
	list, err := s.history(nameOrID)
	return list, s.userError(err, "reading the history of image "+nameOrID)
}

func (s *Store) history(nameOrID string) ([]cardplane.HistoryEntry, error) {
	e, _, release, err := s.use(nameOrID)
	if err != nil {
		return nil, err
	}
	defer release()
	id, err := v1.NewHash(e.image.ID)
	if err != nil {
		return nil, err
	}
	raw, err := s.readBlob(id, s.limits.Config)
	if err != nil {
		return nil, err
	}
	file, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, corrupt("image configuration %s: %w", id, err)
	}
	return historyOf(file, e.layers), nil
}

// historyOf joins what a configuration claims with the layers that there are,
// which it need not mention.
func historyOf(file *v1.ConfigFile, layers layers) []cardplane.HistoryEntry {
	var list []cardplane.HistoryEntry
	for _, h := range file.History {
		entry := cardplane.HistoryEntry{Created: h.Created.Time, CreatedBy: h.CreatedBy, Comment: h.Comment}
		if !h.EmptyLayer && len(layers) > 0 {
			entry.Layer, entry.Size = layers[0].blob.Digest.String(), layers[0].blob.Size
			layers = layers[1:]
		}
		list = append(list, entry)
	}
	for _, l := range layers {
		list = append(list, cardplane.HistoryEntry{Layer: l.blob.Digest.String(), Size: l.blob.Size})
	}
	slices.Reverse(list)
	return list
}

// use returns an image, and the reference by which it was found, and keeps its
// files until release is called.
func (s *Store) use(nameOrID string) (e *entry, ref string, release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, "", nil, errClosed
	}
	id, ref, err := s.findLocked(nameOrID)
	if err != nil {
		return nil, "", nil, err
	}
	e = s.images[id]
	digests := []string{id, e.Manifest.String()}
	for _, l := range e.layers {
		digests = append(digests, l.blob.Digest.String())
	}
	letGo := s.holdLocked(digests...)
	return e, ref, func() { letGo(); s.collectIfGone(id) }, nil
}

// collectIfGone removes the files of an image that was removed while they were
// in use.
func (s *Store) collectIfGone(id string) {
	s.mu.Lock()
	gone := s.images[id] == nil
	s.mu.Unlock()
	if gone {
		s.collect()
	}
}
