package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/image/layer"
	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// Block implements [cardplane.ImageService].
func (s *Store) Block(ctx context.Context, id string) (cardplane.BlockFile, error) {
	b, err := s.blockOf(ctx, id)
	if err != nil {
		return cardplane.BlockFile{}, s.userError(err, "building the block file of image "+id)
	}
	path, err := filepath.Abs(s.blockPath(b.Digest))
	if err != nil {
		return cardplane.BlockFile{}, fmt.Errorf("block file of image %s: %w", id, err)
	}
	return cardplane.BlockFile{Path: path, Digest: b.Digest.String(), Size: b.Size}, nil
}

func (s *Store) blockOf(ctx context.Context, id string) (block, error) {
	s.mu.Lock()
	e, closed := s.images[id], s.closed
	if s.removing[id] {
		e = nil
	}
	s.mu.Unlock()
	switch {
	case closed:
		return block{}, errClosed
	case e == nil:
		return block{}, notFound(id)
	}
	defer s.hold(e.layers.key())()
	b, err := s.ensureBlock(ctx, e.layers, id, nil)
	if err != nil || b == e.Block {
		return b, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.images[id] == nil {
		return block{}, notFound(id)
	}
	return b, s.updateLocked(func() {
		renewed := *s.images[id]
		renewed.Block = b
		s.images[id] = &renewed
	})
}

func (s *Store) hasBlock(b block) bool {
	info, err := os.Stat(s.blockPath(b.Digest))
	return err == nil && info.Size() == b.Size
}

// ensureBlock returns the block file of l, the layers of image id, and builds
// it if there is none. The caller holds l's key.
func (s *Store) ensureBlock(ctx context.Context, l layers, id string, report cardplane.ProgressFunc) (block, error) {
	key := l.key()
	return share(ctx, s, key, report, func(ctx context.Context, report cardplane.ProgressFunc) (block, error) {
		s.mu.Lock()
		b, ok := s.blocks[key]
		s.mu.Unlock()
		if ok && s.hasBlock(b) {
			newMeter(report, cardplane.StepCached, id, b.Size).finish()
			return b, nil
		}
		return s.build(ctx, l, id, report)
	})
}

// build makes the block file of l and puts it in its place.
func (s *Store) build(ctx context.Context, l layers, id string, report cardplane.ProgressFunc) (block, error) {
	w, err := s.newWorkDir("build")
	if err != nil {
		return block{}, err
	}
	defer w.remove()
	var total int64
	for _, ref := range l {
		total += ref.blob.Size
	}
	root, files, err := s.merge(ctx, l, newMeter(report, cardplane.StepVerify, id, total))
	if err != nil {
		return block{}, err
	}
	plan, err := mkerofs.NewPlan(root, mkerofs.Options{UUID: l.uuid()})
	if err != nil {
		return block{}, corrupt("%w", err)
	}
	path := filepath.Join(w.path, "block")
	meter := newMeter(report, cardplane.StepBuild, id, total)
	b, err := s.writeBlock(ctx, path, plan, l, files, meter)
	if err != nil {
		return block{}, err
	}
	meter.finish() // layers may be skipped
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fs.Rename(path, s.blockPath(b.Digest)); err != nil {
		return block{}, err
	}
	s.blocks[l.key()] = b
	return b, s.fs.SyncDir(s.path(blockDir))
}

// uuid derives the identity of the filesystem from the layers (RFC 9562,
// version 8), for the same layers must give the same bytes.
func (l layers) uuid() [16]byte {
	hash := sha256.Sum256([]byte(l.key()))
	u := [16]byte(hash[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// merge is the first pass: it checks the diff_ids and merges the layers.
func (s *Store) merge(ctx context.Context, l layers, meter *meter) (*mkerofs.Inode, [][]layer.File, error) {
	merger := layer.NewMerger(s.limits.merge())
	budget := s.limits.Bytes
	for _, ref := range l {
		if err := s.mergeLayer(ctx, merger, ref, &budget, meter); err != nil {
			return nil, nil, fmt.Errorf("layer %s: %w", ref.blob.Digest, err)
		}
	}
	root, files := merger.Tree()
	return root, files, nil
}

func (s *Store) mergeLayer(ctx context.Context, merger *layer.Merger, ref layerRef, budget *int64, meter *meter) error {
	in, err := s.openLayer(ctx, ref.blob.Digest, budget, meter)
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = merger.Apply(io.TeeReader(in, hash))
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	if got := sum(hash); got != ref.diffID {
		return corrupt("the uncompressed layer has digest %s, its diff_id is %s", got, ref.diffID)
	}
	return nil
}

// writeBlock is the second pass: it writes the planned block file to path and
// returns its size and digest.
func (s *Store) writeBlock(ctx context.Context, path string, plan *mkerofs.Plan, l layers, files [][]layer.File, meter *meter) (b block, err error) {
	f, err := s.fs.Create(path)
	if err != nil {
		return block{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(plan.Size()); err != nil {
		return block{}, err
	}
	if err := plan.WriteMetadata(f); err != nil {
		return block{}, err
	}
	if err := s.writeContents(ctx, f, plan, l, files, meter); err != nil {
		return block{}, err
	}
	if err := s.fs.Chmod(path, 0o444); err != nil {
		return block{}, err
	}
	if err := f.Sync(); err != nil {
		return block{}, err
	}
	hash := sha256.New()
	content := contextReader{ctx, io.NewSectionReader(f, 0, plan.Size())}
	if _, err := io.CopyBuffer(struct{ io.Writer }{hash}, content, make([]byte, copyBuffer)); err != nil {
		return block{}, err
	}
	return block{Digest: sum(hash), Size: plan.Size()}, nil
}

// parallelLayers is how many layers are written at a time.
const parallelLayers = 2

// writeContents writes the contents of all files.
func (s *Store) writeContents(ctx context.Context, f file, plan *mkerofs.Plan, l layers, files [][]layer.File, meter *meter) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelLayers)
	for n, ref := range l {
		if len(files[n]) == 0 {
			continue
		}
		g.Go(func() error {
			if err := s.writeLayer(ctx, f, plan, ref, files[n], meter); err != nil {
				return fmt.Errorf("layer %s: %w", ref.blob.Digest, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Store) writeLayer(ctx context.Context, f file, plan *mkerofs.Plan, ref layerRef, files []layer.File, meter *meter) error {
	budget := s.limits.Bytes
	in, err := s.openLayer(ctx, ref.blob.Digest, &budget, meter)
	if err != nil {
		return err
	}
	buf := make([]byte, copyBuffer)
	err = layer.Extract(in, files, func(inode *mkerofs.Inode, content io.Reader) error {
		return plan.WriteFile(f, inode, content, buf)
	})
	return errors.Join(err, in.Close())
}
