package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// runningSum is the digest of a partial's first n bytes, kept so that an
// upload in several requests is not read again for each.
type runningSum struct {
	sum hash.Hash
	n   int64
}

// Run is a piece of a blob: so many zeroes, and what body gives after them.
type Run struct {
	// Offset is where in the blob the run belongs, Zeros how many zeroes it
	// begins with, in bytes.
	Offset, Zeros int64
	Body          io.Reader
}

// Append writes a run to a blob of size bytes. Bytes that arrive before the
// body breaks are kept. When size bytes are there, they are verified and the
// blob is complete. A complete blob is returned at once.
//
// Errors: invalid_digest, invalid_blob_size, upload_in_progress,
// offset_mismatch, size_mismatch, upload_cut, body_too_long, digest_mismatch
// and disk_full; the last three drop what was received, a full disk because it
// harms every VM on the host.
func (s *Store) Append(digest string, size int64, run Run) (hostapi.Blob, error) {
	sum, err := parseDigest(digest)
	if err != nil {
		return hostapi.Blob{}, err
	}
	if size < 1 || size > MaxSize {
		return hostapi.Blob{}, apierr.New(apierr.InvalidArgument, "invalid_blob_size",
			"size %d is out of range; a blob has 1 to %d bytes", size, int64(MaxSize))
	}
	release, err := s.acquire(sum)
	if err != nil {
		return hostapi.Blob{}, err
	}
	defer release()
	if b, err := s.Stat(digest); err == nil && b.Complete {
		return b, nil
	}
	u, err := s.openUpload(sum, run.Offset, size)
	if err != nil {
		return hostapi.Blob{}, err
	}
	defer func() { _ = u.file.Close() }()
	if run.Zeros < 0 || run.Zeros > size-run.Offset {
		return hostapi.Blob{}, s.tooLong(u)
	}
	return s.receive(u, io.MultiReader(io.LimitReader(zeros{}, run.Zeros), run.Body))
}

// upload is one Append under way.
type upload struct {
	partialFile
	file *os.File
	sum  hash.Hash
}

// openUpload opens the partial for writing at offset, made if there is none.
func (s *Store) openUpload(hex string, offset, size int64) (*upload, error) {
	p, err := s.findPartial(hex)
	if err != nil {
		return nil, err
	}
	if p == nil {
		if err := s.sweep(time.Now()); err != nil {
			return nil, err
		}
		p = &partialFile{hex: hex, size: size, path: filepath.Join(s.partial, fmt.Sprintf("%s.%d", hex, size))}
	}
	if p.size != size {
		return nil, apierr.New(apierr.FailedPrecondition, "size_mismatch",
			"the upload of %s%s was begun with size %d, not %d; delete it to begin anew", digestPrefix, hex, p.size, size)
	}
	if p.received != offset {
		return nil, apierr.New(apierr.FailedPrecondition, "offset_mismatch",
			"%s%s goes on at offset %d, not %d", digestPrefix, hex, p.received, offset)
	}
	f, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diskError(fmt.Errorf("open partial blob: %w", err))
	}
	u := &upload{partialFile: *p, file: f}
	if u.sum, err = s.resumeSum(u); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return u, nil
}

// resumeSum returns the digest of what the partial holds, from memory or,
// after a restart, by reading it.
func (s *Store) resumeSum(u *upload) (hash.Hash, error) {
	s.mu.Lock()
	known, ok := s.sums[u.hex]
	s.mu.Unlock()
	if ok && known.n == u.received {
		return known.sum, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(u.file, 0, u.received)); err != nil {
		return nil, fmt.Errorf("read partial blob: %w", err)
	}
	return sum, nil
}

// receive copies body into the partial and completes it when it is whole.
func (s *Store) receive(u *upload, body io.Reader) (hostapi.Blob, error) {
	w := &sparseWriter{file: u.file, sum: u.sum, at: u.received, step: s.step}
	_, err := io.CopyBuffer(w, onlyReader{io.LimitReader(body, u.size-u.received)}, make([]byte, writeBlock))
	u.received = w.at
	if w.err != nil {
		return hostapi.Blob{}, errors.Join(diskError(w.err), s.dropPartial(u.hex))
	}
	// A last block that was skipped because it is zero still has to count.
	if err := u.file.Truncate(u.received); err != nil {
		return hostapi.Blob{}, errors.Join(diskError(err), s.dropPartial(u.hex))
	}
	s.remember(u)
	if err != nil {
		return hostapi.Blob{}, apierr.New(apierr.InvalidArgument, "upload_cut",
			"the body of blob %s%s broke off; %d bytes are kept, go on from there: %w", digestPrefix, u.hex, u.received, err)
	}
	if u.received < u.size {
		return u.blob(), nil
	}
	if n, _ := body.Read(make([]byte, 1)); n > 0 {
		return hostapi.Blob{}, s.tooLong(u)
	}
	return s.finish(u)
}

func (s *Store) tooLong(u *upload) error {
	err := apierr.New(apierr.InvalidArgument, "body_too_long",
		"the body goes on after the %d bytes of blob %s%s; what was received has been dropped", u.size, digestPrefix, u.hex)
	return errors.Join(err, s.dropPartial(u.hex))
}

func (s *Store) remember(u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums[u.hex] = runningSum{sum: u.sum, n: u.received}
}

// finish verifies a whole partial and makes it a complete blob.
func (s *Store) finish(u *upload) (hostapi.Blob, error) {
	if got := hex.EncodeToString(u.sum.Sum(nil)); got != u.hex {
		err := apierr.New(apierr.InvalidArgument, "digest_mismatch",
			"the %d bytes received for blob %s%s have digest %s%s; they have been dropped, send the right ones",
			u.size, digestPrefix, u.hex, digestPrefix, got)
		return hostapi.Blob{}, errors.Join(err, s.dropPartial(u.hex))
	}
	if err := s.step(OpComplete); err != nil {
		return hostapi.Blob{}, err
	}
	if err := u.file.Chmod(0o444); err != nil {
		return hostapi.Blob{}, fmt.Errorf("protect blob: %w", err)
	}
	if err := u.file.Sync(); err != nil {
		return hostapi.Blob{}, errors.Join(diskError(err), s.dropPartial(u.hex))
	}
	if err := os.Rename(u.path, filepath.Join(s.complete, u.hex)); err != nil {
		return hostapi.Blob{}, fmt.Errorf("complete blob: %w", err)
	}
	s.forgetSum(u.hex)
	if err := durable.SyncDir(s.complete); err != nil {
		return hostapi.Blob{}, err
	}
	return completeBlob(u.hex, u.size), nil
}

// diskError makes a lack of space one that the card may see.
func diskError(err error) error {
	if space.Lacking(err) || errors.Is(err, unix.EFBIG) {
		return apierr.New(apierr.ResourceExhausted, "disk_full",
			"the host's data directory is full; delete blobs or disks that are not needed, then upload again: %w", err)
	}
	return err
}
