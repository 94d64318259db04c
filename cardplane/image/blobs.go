package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Directories of the store.
const (
	blobDir     = "blobs/sha256"
	blockDir    = "block"
	blockSuffix = ".erofs"
	partDir     = "partial"
	tmpDir      = "tmp"
)

// copyBuffer is the size of the pieces in which contents are moved.
const copyBuffer = 256 << 10

// staged is a file in a working directory whose digest is known.
type staged struct {
	path   string
	digest v1.Hash
	size   int64
}

// workDir is the directory of one operation below tmp.
type workDir struct {
	store *Store
	path  string
	files int
	buf   []byte
}

// newWorkDir makes a working directory. The operation must remove it.
func (s *Store) newWorkDir(operation string) (*workDir, error) {
	path, err := s.fs.MkdirTemp(s.path(tmpDir), operation+"-")
	if err != nil {
		return nil, err
	}
	return &workDir{store: s, path: path, buf: make([]byte, copyBuffer)}, nil
}

// remove removes the directory with everything in it. A failure is only
// logged: the next Open sweeps it.
func (w *workDir) remove() {
	if err := w.store.fs.RemoveAll(w.path); err != nil {
		w.store.log.WithError(err).WithField("dir", w.path).Error("image store: a working directory stays on the disk")
	}
}

// stage writes r to a new file and computes its digest on the way.
func (w *workDir) stage(ctx context.Context, r io.Reader) (staged, error) {
	w.files++
	path := filepath.Join(w.path, strconv.Itoa(w.files))
	f, err := w.store.fs.Create(path)
	if err != nil {
		return staged{}, err
	}
	hash := sha256.New()
	out := io.MultiWriter(f, hash)
	size, err := io.CopyBuffer(struct{ io.Writer }{out}, contextReader{ctx, r}, w.buf)
	if err := errors.Join(err, f.Close()); err != nil {
		return staged{path: path, digest: sum(hash), size: size}, errors.Join(err, w.store.fs.Remove(path))
	}
	return staged{path: path, digest: sum(hash), size: size}, nil
}

// contextReader fails once its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}

func sum(hash interface{ Sum([]byte) []byte }) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}
}

func digestOf(data []byte) v1.Hash {
	hash := sha256.New()
	hash.Write(data)
	return sum(hash)
}

// checkDigest refuses digests that the store has no place for.
func checkDigest(d v1.Hash) error {
	raw, err := hex.DecodeString(d.Hex)
	if d.Algorithm != "sha256" || err != nil || len(raw) != sha256.Size || hex.EncodeToString(raw) != d.Hex {
		return corrupt("digest %q is no sha256 digest", d)
	}
	return nil
}

func (s *Store) blobPath(d v1.Hash) string { return s.path(blobDir, d.Hex) }

func (s *Store) blockPath(d v1.Hash) string { return s.path(blockDir, d.Hex+blockSuffix) }

// hasBlob reports whether the blob is in the store. The caller holds d.
func (s *Store) hasBlob(d v1.Hash) bool {
	info, err := os.Stat(s.blobPath(d))
	return err == nil && info.Mode().IsRegular()
}

// adopt moves a staged file to its place among the blobs. The caller holds
// the digest.
func (s *Store) adopt(f staged) error {
	if err := s.fs.SyncFile(f.path); err != nil {
		return err
	}
	if err := s.fs.Rename(f.path, s.blobPath(f.digest)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.path(blobDir))
}

// putBlob stores data, whose digest is d, as a blob. The caller holds d.
func (s *Store) putBlob(ctx context.Context, w *workDir, d v1.Hash, data []byte) error {
	if s.hasBlob(d) {
		return nil
	}
	f, err := w.stage(ctx, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.adopt(f)
}

// readBlob returns the content of a blob of at most limit bytes.
func (s *Store) readBlob(d v1.Hash, limit int64) ([]byte, error) {
	f, err := os.Open(s.blobPath(d))
	if err != nil {
		return nil, err
	}
	data, err := readLimited(f, limit, d.String())
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if got := digestOf(data); got != d {
		return nil, corrupt("the content of blob %s has digest %s", d, got)
	}
	return data, nil
}

// readLimited reads r, which is called what, to its end.
func readLimited(r io.Reader, limit int64, what string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge("%s has more than %d bytes", what, limit)
	}
	return data, nil
}
