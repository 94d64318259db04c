package link

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Upload makes sure that the host has the blob with digest, whose size bytes
// content gives. It sends only what the host lacks, goes on after a cut of
// the connection or a restart of vmmd, and waits while another connection
// sends the same blob. Errors: digest_mismatch, size_mismatch, disk_full, and
// an Unavailable one when the host stays away for longer than the link's
// patience.
func (l *Link) Upload(ctx context.Context, digest string, size int64, content io.ReaderAt) error {
	var wait backoff
	best := int64(-1)
	for {
		had, err := l.uploadOnce(ctx, digest, size, content)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !retryable(err) {
			return err
		}
		if had > best || apierr.Is(err, "upload_in_progress") {
			best = max(best, had)
			wait.reset()
		}
		if !wait.next(ctx) {
			return err
		}
	}
}

// retryable says that the same upload may get further at the next attempt.
func retryable(err error) bool {
	return apierr.ClassOf(err) == apierr.Unavailable || apierr.Is(err, "upload_cut") ||
		apierr.Is(err, "offset_mismatch") || apierr.Is(err, "upload_in_progress")
}

// uploadOnce sends what the host lacks over one connection. It returns how
// many bytes the host had before, and nil when it has all now.
func (l *Link) uploadOnce(ctx context.Context, digest string, size int64, content io.ReaderAt) (had int64, err error) {
	before, err := l.Blob(ctx, digest)
	if before.Complete || (err != nil && !apierr.Is(err, "blob_not_found")) {
		return before.ReceivedBytes, err
	}
	had = before.ReceivedBytes
	body := &source{r: content, at: had, end: size}
	now, err := apierr.Decode[hostapi.Blob](l.client.PutBlobWithBody(ctx, digest,
		&hostapi.PutBlobParams{Offset: had, Size: size}, "application/octet-stream", body,
		withLength(size-had)))
	if readErr := body.failure(); readErr != nil {
		return had, fmt.Errorf("read blob %s: %w", digest, readErr)
	}
	if err == nil && !now.Complete {
		err = apierr.New(apierr.Unavailable, "upload_cut", "the host has %d of %d bytes of blob %s", now.ReceivedBytes, size, digest)
	}
	return had, err
}

// source is the part of a blob that is sent. It remembers its own failure,
// to tell it from the connection's. The transport may still read it after the
// call has returned.
type source struct {
	mu      sync.Mutex
	r       io.ReaderAt
	at, end int64
	err     error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at >= s.end {
		return 0, io.EOF
	}
	n, err := s.r.ReadAt(p[:min(int64(len(p)), s.end-s.at)], s.at)
	s.at += int64(n)
	if n > 0 {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // the content is shorter than was said
	}
	s.err = err
	return 0, err
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// withLength announces the body's length, so that the host can tell a body
// that broke off from one that ended.
func withLength(n int64) hostapi.RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		r.ContentLength = n
		if n <= 0 {
			r.Body, r.ContentLength = http.NoBody, 0
		}
		return nil
	}
}
