package image

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// part is a blob of which not all has come. It is appended to, and one that is
// kept is taken up again by a later pull, also of a later process.
type part struct {
	store  *Store
	want   v1.Descriptor
	path   string
	file   file
	hash   hash.Hash
	size   int64
	kept   int64 // bytes of an earlier pull that it began with
	claims bool  // it lies in partDir and is claimed
}

// openPart begins the blob that d describes, or goes on with what there is of
// it. While one pull works on a part, another one has a part of its own in w.
func (s *Store) openPart(w *workDir, d v1.Descriptor) (*part, error) {
	p := &part{store: s, want: d, path: filepath.Join(w.path, "part"), hash: sha256.New()}
	s.mu.Lock()
	if !s.parts[d.Digest.Hex] {
		s.parts[d.Digest.Hex] = true
		p.path, p.claims = s.path(partDir, d.Digest.Hex), true
	}
	s.mu.Unlock()
	f, err := s.fs.Append(p.path)
	if err != nil {
		p.unclaim()
		return nil, err
	}
	p.file = f
	if err := p.takeUp(); err != nil {
		return nil, errors.Join(err, p.drop())
	}
	return p, nil
}

// takeUp hashes what the file holds. The last byte always has to be fetched:
// only the registry can say whether this pull may have the blob.
func (p *part) takeUp() error {
	info, err := os.Stat(p.path)
	if err != nil {
		return err
	}
	have := max(0, min(info.Size(), p.want.Size-1))
	if have < info.Size() {
		if err := p.file.Truncate(have); err != nil {
			return err
		}
	}
	if _, err := io.Copy(p.hash, io.NewSectionReader(p.file, 0, have)); err != nil {
		return err
	}
	p.size, p.kept = have, have
	return nil
}

// Write implements [io.Writer].
func (p *part) Write(data []byte) (int, error) {
	n, err := p.file.Write(data)
	p.hash.Write(data[:n])
	p.size += int64(n)
	return n, err
}

// restart forgets what has come.
func (p *part) restart() error {
	p.hash.Reset()
	p.size, p.kept = 0, 0
	return p.file.Truncate(0)
}

func (p *part) digest() v1.Hash { return sum(p.hash) }

// finish makes the whole part a blob.
func (p *part) finish() error {
	err := p.file.Close()
	if err == nil {
		err = p.store.adopt(staged{path: p.path, digest: p.want.Digest, size: p.size})
	}
	if err != nil {
		err = errors.Join(err, p.remove())
	}
	p.unclaim()
	return err
}

// keep leaves the part for a later pull, unless there is nothing of it.
func (p *part) keep() error {
	if !p.claims || p.size == 0 {
		return p.drop()
	}
	err := p.file.Close()
	p.unclaim()
	return errors.Join(err, p.store.trimParts(p.store.limits.Parts))
}

// drop removes the part.
func (p *part) drop() error {
	err := errors.Join(p.file.Close(), p.remove())
	p.unclaim()
	return err
}

func (p *part) remove() error {
	err := p.store.fs.Remove(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (p *part) unclaim() {
	if !p.claims {
		return
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	delete(p.store.parts, p.want.Digest.Hex)
}

// trimParts removes parts that nobody works on, the oldest first, until the
// others have at most limit bytes.
func (s *Store) trimParts(limit int64) error {
	entries, err := os.ReadDir(s.path(partDir))
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // it has just become a blob
		}
		files = append(files, info)
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, f := range files {
		if s.parts[f.Name()] {
			continue
		}
		if limit -= f.Size(); limit < 0 {
			err := s.fs.Remove(s.path(partDir, f.Name()))
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
