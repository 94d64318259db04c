package image

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
)

// parallelBlobs is how many blobs of an image are fetched at a time.
const parallelBlobs = 3

// provider brings the blob that d describes into the store, with the right
// size and digest. The caller holds the digest.
type provider func(ctx context.Context, d v1.Descriptor, report cardplane.ProgressFunc) error

// ingest adds the image with manifest m: it brings in what is missing, builds
// the block file and makes refs point at the image.
func (s *Store) ingest(ctx context.Context, w *workDir, m *manifest, refs []string, provide provider, report cardplane.ProgressFunc) (cardplane.Image, error) {
	none := cardplane.Image{}
	if img, ok, err := s.known(m, refs); ok || err != nil {
		if ok {
			newMeter(report, cardplane.StepCached, img.ID, img.Size).finish()
		}
		return img, err
	}
	digests := []string{m.digest.String(), m.config.Digest.String()}
	for _, d := range m.blobs {
		digests = append(digests, d.Digest.String())
	}
	release := s.hold(digests...)
	defer s.collect()
	defer release()

	if err := provide(ctx, m.config, report); err != nil {
		return none, err
	}
	c, err := s.readConfig(m)
	if err != nil {
		return none, err
	}
	if err := s.provideAll(ctx, m.blobs, provide, report); err != nil {
		return none, err
	}
	if err := s.putBlob(ctx, w, m.digest, m.raw); err != nil {
		return none, err
	}
	releaseKey := s.hold(c.layers.key())
	defer releaseKey()
	b, err := s.ensureBlock(ctx, c.layers, c.image.ID, report)
	if err != nil {
		return none, err
	}
	e := &entry{record: record{Manifest: m.digest, Block: b}, layers: c.layers, image: c.image}
	if err := s.commit(e, refs); err != nil {
		return none, err
	}
	s.log.WithFields(logrus.Fields{"image": c.image.ID, "names": refs, "size": b.Size}).Info("image added")
	return s.Get(ctx, c.image.ID)
}

// known adds refs to the image of m if it is here already, whole.
func (s *Store) known(m *manifest, refs []string) (cardplane.Image, bool, error) {
	id := m.config.Digest.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.images[id]
	if e == nil || !s.wholeLocked(e) {
		return cardplane.Image{}, false, nil
	}
	if slices.ContainsFunc(refs, func(ref string) bool { return s.refs[ref] != id }) {
		err := s.updateLocked(func() {
			for _, ref := range refs {
				s.refs[ref] = id
			}
		})
		if err != nil {
			return cardplane.Image{}, false, err
		}
	}
	return s.imageLocked(id), true, nil
}

// wholeLocked reports whether all files of an image exist.
func (s *Store) wholeLocked(e *entry) bool {
	for _, l := range e.layers {
		if !s.hasBlob(l.blob.Digest) {
			return false
		}
	}
	return s.hasBlock(e.Block)
}

func (s *Store) provideAll(ctx context.Context, blobs []v1.Descriptor, provide provider, report cardplane.ProgressFunc) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelBlobs)
	started := make(map[v1.Hash]bool)
	for _, d := range blobs {
		if started[d.Digest] {
			continue // the same layer twice
		}
		started[d.Digest] = true
		g.Go(func() error { return provide(ctx, d, report) })
	}
	return g.Wait()
}
