package disk

import (
	"fmt"
	"os"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Lend keeps a disk from being written to for as long as it is copied, until
// release. The caller has made sure that no VM may write to it, and that none is
// given it meanwhile without a look at Lent. Errors: disk_not_found.
func (s *Store) Lend(id string) (release func(), err error) {
	if _, err := s.Get(id); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lent[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lent[id]--; s.lent[id] == 0 {
			delete(s.lent, id)
		}
	}, nil
}

// Lent fails with disk_busy while the disk is being copied.
func (s *Store) Lent(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lent[id] == 0 {
		return nil
	}
	return apierr.New(apierr.FailedPrecondition, "disk_busy",
		"disk %q is being copied and cannot be written to meanwhile; try again when the copy is made", id)
}

// fillFrom writes to f what the disk is to hold at first.
func (s *Store) fillFrom(f *os.File, spec hostapi.DiskSpec) error {
	if spec.FromBlob == nil && spec.FromDisk == nil {
		return nil
	}
	what, path, size, err := s.origin(spec)
	if err != nil {
		return err
	}
	if size > spec.SizeBytes {
		return apierr.New(apierr.InvalidArgument, "disk_too_small",
			"sizeBytes %d is less than the %d bytes of %s; give at least as many", spec.SizeBytes, size, what).At("/sizeBytes")
	}
	src, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", what, err)
	}
	defer func() { _ = src.Close() }()
	if err := copySparse(f, src, size); err != nil {
		return fmt.Errorf("copy %s: %w", what, err)
	}
	return nil
}

// origin returns what the disk is a copy of, for people, with its path and its
// size in bytes.
func (s *Store) origin(spec hostapi.DiskSpec) (what, path string, size int64, err error) {
	if spec.FromDisk == nil {
		path, size, err = s.blob(*spec.FromBlob)
		return "blob " + *spec.FromBlob, path, size, err
	}
	d, err := s.Get(*spec.FromDisk)
	return "disk " + *spec.FromDisk, s.raw(*spec.FromDisk), d.Spec.SizeBytes, err
}

func checkOrigin(spec hostapi.DiskSpec) error {
	if spec.FromBlob != nil && spec.FromDisk != nil {
		return apierr.New(apierr.InvalidArgument, "invalid_disk_origin",
			"a disk cannot be a copy of blob %s and of disk %q; name one", *spec.FromBlob, *spec.FromDisk).At("/fromDisk")
	}
	return nil
}

func sameOrigin(a, b hostapi.DiskSpec) bool {
	return same(a.FromBlob, b.FromBlob) && same(a.FromDisk, b.FromDisk)
}

func same(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
