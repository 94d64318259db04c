package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cardplane/cardplane/cardplane"
)

const (
	indexFile    = "index.json"
	indexVersion = 1
)

// index is the content of index.json.
type index struct {
	Version int               `json:"version"`
	Images  map[string]record `json:"images"` // by ID
	Refs    map[string]string `json:"refs"`   // complete reference → ID
}

// record is what the index says of an image. Everything else is in its
// manifest and configuration.
type record struct {
	Manifest v1.Hash `json:"manifest"`
	Block    block   `json:"block"`
}

// block is a block file by its content.
type block struct {
	Digest v1.Hash `json:"digest"`
	Size   int64   `json:"size"`
}

// entry is an image in memory.
type entry struct {
	record
	layers layers
	image  cardplane.Image // without names and size
}

func (s *Store) loadIndex() error {
	data, err := os.ReadFile(s.path(indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var idx index
	if err := json.Unmarshal(data, &idx); err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	if idx.Version != indexVersion {
		return fmt.Errorf("%s: version %d, this program knows %d", indexFile, idx.Version, indexVersion)
	}
	for id, rec := range idx.Images {
		e, err := s.loadEntry(id, rec)
		if err != nil {
			s.log.WithError(err).WithField("image", id).Error("image dropped: its manifest or configuration cannot be read")
			continue
		}
		s.images[id] = e
		s.blocks[e.layers.key()] = rec.Block
	}
	for ref, id := range idx.Refs {
		if s.images[id] != nil {
			s.refs[ref] = id
		}
	}
	return nil
}

func (s *Store) loadEntry(id string, rec record) (*entry, error) {
	raw, err := s.readBlob(rec.Manifest, s.limits.Manifest)
	if err != nil {
		return nil, err
	}
	m, err := s.parseManifest(raw)
	if err != nil {
		return nil, err
	}
	if m.config.Digest.String() != id {
		return nil, fmt.Errorf("manifest %s: the configuration is %s", rec.Manifest, m.config.Digest)
	}
	config, err := s.readConfig(m)
	if err != nil {
		return nil, err
	}
	return &entry{record: rec, layers: config.layers, image: config.image}, nil
}

// commit makes the image e known, or only its new references if it is known
// already, and moves refs to it. Either all of it is on the disk afterwards or
// nothing has changed.
func (s *Store) commit(e *entry, refs []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := e.image.ID
	return s.updateLocked(func() {
		if old := s.images[id]; old == nil || !s.wholeLocked(old) {
			s.images[id] = e
		}
		for _, ref := range refs {
			s.refs[ref] = id
		}
	})
}

// updateLocked lets change alter s.images and s.refs and saves the result. If
// that fails it takes the change back.
func (s *Store) updateLocked(change func()) error {
	images, refs := maps.Clone(s.images), maps.Clone(s.refs)
	change()
	renamed, err := s.saveIndexLocked()
	if err == nil {
		return nil
	}
	s.images, s.refs = images, refs
	if renamed {
		_, again := s.saveIndexLocked()
		err = errors.Join(err, again)
	}
	return err
}

// saveIndexLocked replaces index.json. It reports whether the new content has
// taken its place, even if it may not outlive a crash yet.
func (s *Store) saveIndexLocked() (renamed bool, err error) {
	idx := index{Version: indexVersion, Images: make(map[string]record), Refs: s.refs}
	for id, e := range s.images {
		idx.Images[id] = e.record
	}
	data, err := json.MarshalIndent(idx, "", "\t")
	if err != nil {
		return false, err
	}
	tmp := s.path(tmpDir, indexFile)
	if err := s.writeFile(tmp, data); err != nil {
		return false, errors.Join(err, s.fs.RemoveAll(tmp))
	}
	if err := s.fs.Rename(tmp, s.path(indexFile)); err != nil {
		return false, errors.Join(err, s.fs.RemoveAll(tmp))
	}
	return true, s.fs.SyncDir(s.options.Dir)
}

// writeFile makes a file with the given content and syncs it.
func (s *Store) writeFile(path string, data []byte) error {
	f, err := s.fs.Create(path)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// hold keeps digests, or keys of block files, from being collected until
// release is called.
func (s *Store) hold(digests ...string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holdLocked(digests...)
}

func (s *Store) holdLocked(digests ...string) (release func()) {
	for _, d := range digests {
		s.held[d]++
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range digests {
			if s.held[d]--; s.held[d] == 0 {
				delete(s.held, d)
			}
		}
	}
}

// collect removes what no image and no operation needs. A failure is only
// logged: the next collection tries again.
func (s *Store) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.collectLocked(); err != nil {
		s.log.WithError(err).Error("image store: unused files stay on the disk")
	}
}

func (s *Store) collectLocked() error {
	wanted := make(map[string]bool)
	keys := make(map[string]bool)
	for d := range s.held {
		wanted[d] = true
		keys[d] = true
	}
	for id, e := range s.images {
		wanted[id] = true
		wanted[e.Manifest.String()] = true
		keys[e.layers.key()] = true
		for _, l := range e.layers {
			wanted[l.blob.Digest.String()] = true
		}
	}
	for key, b := range s.blocks {
		if keys[key] {
			wanted[b.Digest.String()] = true
		} else {
			delete(s.blocks, key)
		}
	}
	return errors.Join(
		s.removeExcept(s.path(blobDir), "", wanted),
		s.removeExcept(s.path(blockDir), blockSuffix, wanted),
	)
}

// removeExcept removes the files in dir whose names, less suffix, are not the
// hexadecimal digits of a wanted digest.
func (s *Store) removeExcept(dir, suffix string, wanted map[string]bool) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range list {
		hex := strings.TrimSuffix(f.Name(), suffix)
		if !wanted["sha256:"+hex] {
			errs = append(errs, s.fs.Remove(filepath.Join(dir, f.Name())))
		}
	}
	return errors.Join(errs...)
}
