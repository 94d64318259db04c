package image

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/cardplane"
)

// DiskUsage implements [cardplane.ImageService].
func (s *Store) DiskUsage(_ context.Context, used []string) ([]cardplane.DiskUsage, error) {
	images := cardplane.DiskUsage{Kind: cardplane.UsageImages, Where: "card", Known: true}
	partial := cardplane.DiskUsage{Kind: cardplane.UsagePartialPulls, Where: "card", Known: true}
	needed, claimed := s.needed(used, &images)
	err := s.eachFile(func(path string, size int64) {
		name := strings.TrimSuffix(filepath.Base(path), blockSuffix)
		switch filepath.Dir(path) {
		case s.path(blobDir), s.path(blockDir):
			images.Size += size
			if !needed[name] {
				images.Reclaimable += size
			}
		case s.path(partDir):
			partial.Count++
			partial.Size += size
			if claimed[name] {
				partial.Active++
			} else {
				partial.Reclaimable += size
			}
		}
	})
	return []cardplane.DiskUsage{images, partial}, s.userError(err, "measuring the image store")
}

// needed counts the images in u. It returns the hexadecimal digits of the
// files that those in use need, and of the parts that pulls work on.
func (s *Store) needed(used []string, u *cardplane.DiskUsage) (files, claimed map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, claimed = make(map[string]bool), make(map[string]bool)
	for hex := range s.parts {
		claimed[hex] = true
	}
	u.Count = len(s.images)
	for id, e := range s.images {
		if !slices.Contains(used, id) {
			continue
		}
		u.Active++
		files[strings.TrimPrefix(id, "sha256:")] = true
		files[e.Manifest.Hex], files[e.Block.Digest.Hex] = true, true
		for _, l := range e.layers {
			files[l.blob.Digest.Hex] = true
		}
	}
	return files, claimed
}

// onDisk returns what all files of the store take.
func (s *Store) onDisk() (total int64, err error) {
	err = s.eachFile(func(_ string, size int64) { total += size })
	return total, err
}

// eachFile calls f with every file of the store and what it takes on the
// disk.
func (s *Store) eachFile(f func(path string, size int64)) error {
	return filepath.WalkDir(s.options.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				f(path, allocated(info))
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		return err
	})
}

// allocated returns the size of a file on the disk, where holes take nothing.
func allocated(info fs.FileInfo) int64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * 512
	}
	return info.Size()
}
