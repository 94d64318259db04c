package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

// File is a read-only file on the card, for the host to have a copy of.
type File struct {
	// Path on the card.
	Path string
	// Digest is "sha256:<hex>" of the content.
	Digest string
	// Size in bytes.
	Size int64
}

// blobs remembers which files the host has, so that a start does not ask for
// each, and lets concurrent starts share one upload.
type blobs struct {
	host   Host
	flight singleflight.Group

	mu      sync.Mutex
	present map[string]bool
}

// ensure makes the host have all files.
func (b *blobs) ensure(ctx context.Context, files ...File) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range files {
		if b.has(f.Digest) {
			continue
		}
		group.Go(func() error { return b.upload(ctx, f) })
	}
	return group.Wait()
}

func (b *blobs) has(digest string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.present[digest]
}

// forget makes the next ensure ask the host again.
func (b *blobs) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.present = make(map[string]bool)
}

// upload shares one upload among those who ask for it at the same time. When
// the one whose context it runs in gives up, another takes over.
func (b *blobs) upload(ctx context.Context, f File) error {
	for {
		_, err, _ := b.flight.Do(f.Digest, func() (any, error) {
			return nil, b.uploadOnce(ctx, f)
		})
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.Canceled) {
			return err
		}
	}
}

func (b *blobs) uploadOnce(ctx context.Context, f File) error {
	content, err := os.Open(f.Path)
	if err != nil {
		return fmt.Errorf("open %s for the host: %w", f.Path, err)
	}
	defer func() { _ = content.Close() }()
	if err := b.host.Upload(ctx, f.Digest, f.Size, content); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.present[f.Digest] = true
	return nil
}

func (a *Artefacts) file(f artefact) File {
	return File{Path: filepath.Join(a.dir, f.File), Digest: f.digest(), Size: f.Size}
}
