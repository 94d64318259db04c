// Package blob keeps read-only bytes named by their SHA-256.
//
// On disk:
//
//	<dir>/complete/<hex>        verified, mode 0444
//	<dir>/partial/<hex>.<size>  being received; its length is what has arrived
//
// A partial's length is the whole record of an upload, so an upload goes on
// after a crash of the daemon at any instruction. Bytes that a loss of power
// has spoilt are found when the digest is verified.
package blob

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
)

// MaxSize is the largest blob in bytes, as the document says.
const MaxSize = 16 << 40

const digestPrefix = "sha256:"

// Step is called before each act that changes the disk, with the act's name.
// An error makes that act fail; tests inject faults so. Nil does nothing.
type Step func(op string) error

// Acts that a Step sees.
const (
	OpWrite    = "blob.write"
	OpComplete = "blob.complete"
)

// Store is a directory of blobs. Its methods may be called concurrently.
type Store struct {
	complete string
	partial  string
	step     Step

	mu sync.Mutex
	// busy has the digests that a connection is sending now.
	busy map[string]bool
	// sums has the running digests of partials received by this process.
	sums map[string]runningSum
}

// Open opens the store in dir, makes what is missing, and drops uploads that
// nobody has gone on with for long. step may be nil.
func Open(dir string, step Step) (*Store, error) {
	if step == nil {
		step = func(string) error { return nil }
	}
	s := &Store{
		complete: filepath.Join(dir, "complete"),
		partial:  filepath.Join(dir, "partial"),
		step:     step,
		busy:     map[string]bool{},
		sums:     map[string]runningSum{},
	}
	for _, d := range []string{s.complete, s.partial} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("open blob store: %w", err)
		}
	}
	return s, s.sweep(time.Now())
}

// Stat returns how much there is of a blob. Errors: blob_not_found,
// invalid_digest.
func (s *Store) Stat(digest string) (hostapi.Blob, error) {
	hex, err := parseDigest(digest)
	if err != nil {
		return hostapi.Blob{}, err
	}
	if info, err := os.Stat(filepath.Join(s.complete, hex)); err == nil {
		return completeBlob(hex, info.Size()), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return hostapi.Blob{}, fmt.Errorf("stat blob: %w", err)
	}
	p, err := s.findPartial(hex)
	if err != nil {
		return hostapi.Blob{}, err
	}
	if p == nil {
		return hostapi.Blob{}, notFound(digest)
	}
	return p.blob(), nil
}

// Path returns where the bytes of a complete blob are, and their number.
// Errors: blob_not_found, blob_incomplete, invalid_digest.
func (s *Store) Path(digest string) (string, int64, error) {
	b, err := s.Stat(digest)
	if err != nil {
		return "", 0, err
	}
	if !b.Complete {
		return "", 0, apierr.New(apierr.FailedPrecondition, "blob_incomplete",
			"blob %s has %d of %d bytes; upload the rest first", digest, b.ReceivedBytes, b.SizeBytes)
	}
	return filepath.Join(s.complete, strings.TrimPrefix(digest, digestPrefix)), b.SizeBytes, nil
}

// List returns all blobs, ordered by digest.
func (s *Store) List() ([]hostapi.Blob, error) {
	blobs := []hostapi.Blob{}
	entries, err := os.ReadDir(s.complete)
	if err != nil {
		return nil, fmt.Errorf("list blobs: %w", err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			blobs = append(blobs, completeBlob(e.Name(), info.Size()))
		}
	}
	partials, err := s.partials()
	if err != nil {
		return nil, err
	}
	for _, p := range partials {
		blobs = append(blobs, p.blob())
	}
	slices.SortFunc(blobs, func(a, b hostapi.Blob) int { return cmp.Compare(a.Digest, b.Digest) })
	return blobs, nil
}

// Delete removes a blob, complete or partial. Removing what is not there
// succeeds. Errors: upload_in_progress, invalid_digest.
func (s *Store) Delete(digest string) error {
	hex, err := parseDigest(digest)
	if err != nil {
		return err
	}
	release, err := s.acquire(hex)
	if err != nil {
		return err
	}
	defer release()
	if err := s.dropPartial(hex); err != nil {
		return err
	}
	err = os.Remove(filepath.Join(s.complete, hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove blob: %w", err)
	}
	return durable.SyncDir(s.complete)
}

// acquire makes this caller the only one that changes the blob.
func (s *Store) acquire(hex string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[hex] {
		return nil, apierr.New(apierr.FailedPrecondition, "upload_in_progress",
			"another connection is sending blob %s%s; wait for it or for its end", digestPrefix, hex)
	}
	s.busy[hex] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, hex)
	}, nil
}

// partialFile is an upload that has not been completed.
type partialFile struct {
	hex      string
	path     string
	size     int64
	received int64
	touched  int64 // when it last grew, in Unix nanoseconds
}

func (p *partialFile) blob() hostapi.Blob {
	return hostapi.Blob{Digest: digestPrefix + p.hex, SizeBytes: p.size, ReceivedBytes: p.received}
}

func (s *Store) partials() ([]*partialFile, error) {
	entries, err := os.ReadDir(s.partial)
	if err != nil {
		return nil, fmt.Errorf("list partial blobs: %w", err)
	}
	var all []*partialFile
	for _, e := range entries {
		hex, sizeText, _ := strings.Cut(e.Name(), ".")
		size, err := strconv.ParseInt(sizeText, 10, 64)
		info, statErr := e.Info()
		if err != nil || statErr != nil {
			continue
		}
		all = append(all, &partialFile{
			hex: hex, path: filepath.Join(s.partial, e.Name()),
			size: size, received: info.Size(), touched: info.ModTime().UnixNano(),
		})
	}
	return all, nil
}

// findPartial returns the partial of hex, nil if there is none.
func (s *Store) findPartial(hex string) (*partialFile, error) {
	all, err := s.partials()
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.hex == hex {
			return p, nil
		}
	}
	return nil, nil
}

// dropPartial removes the partial of hex, if there is one, and what is
// remembered of it.
func (s *Store) dropPartial(hex string) error {
	s.forgetSum(hex)
	p, err := s.findPartial(hex)
	if err != nil || p == nil {
		return err
	}
	if err := os.Remove(p.path); err != nil {
		return fmt.Errorf("remove partial blob: %w", err)
	}
	return nil
}

func (s *Store) forgetSum(hex string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sums, hex)
}

func completeBlob(hex string, size int64) hostapi.Blob {
	return hostapi.Blob{Digest: digestPrefix + hex, SizeBytes: size, ReceivedBytes: size, Complete: true}
}

func parseDigest(digest string) (hex string, err error) {
	hex, ok := strings.CutPrefix(digest, digestPrefix)
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", apierr.New(apierr.InvalidArgument, "invalid_digest",
			"%.100q is no digest; give sha256: and 64 lower-case hexadecimal digits", digest)
	}
	return hex, nil
}

func notFound(digest string) error {
	return apierr.New(apierr.NotFound, "blob_not_found", "blob %s is not on this host; upload it first", digest)
}
