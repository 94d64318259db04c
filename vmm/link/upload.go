package link

import (
	"context"
	"fmt"
	"io"
	"net/http"

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
		switch {
		case had > best:
			best = had
			wait.reset()
		case apierr.Is(err, "upload_in_progress"):
			wait.forgive()
		}
		if !wait.next(ctx) {
			return err
		}
	}
}

// unlessRefused makes the body wait for the host to want it.
func unlessRefused(_ context.Context, req *http.Request) error {
	req.Header.Set("Expect", "100-continue")
	return nil
}

// retryable says that the same upload may get further at the next attempt.
func retryable(err error) bool {
	return apierr.ClassOf(err) == apierr.Unavailable || apierr.Is(err, "upload_cut") ||
		apierr.Is(err, "offset_mismatch") || apierr.Is(err, "upload_in_progress")
}

// uploadOnce sends what the host lacks, until it has all or a request fails.
// It returns how many bytes the host had last.
func (l *Link) uploadOnce(ctx context.Context, digest string, size int64, content io.ReaderAt) (had int64, err error) {
	b, err := l.Blob(ctx, digest)
	if apierr.Is(err, "blob_not_found") {
		b, err = hostapi.Blob{}, nil
	}
	for err == nil && !b.Complete {
		before := b.ReceivedBytes
		b, err = l.sendRun(ctx, digest, size, before, content)
		if err == nil && !b.Complete && b.ReceivedBytes <= before {
			err = apierr.New(apierr.Unavailable, "upload_cut", "the host has %d of %d bytes of blob %s", before, size, digest)
		}
		had = max(had, before)
	}
	return max(had, b.ReceivedBytes), err
}

// sendRun sends the zeroes that content has at offset from as their number,
// and what follows up to the next zeroes as bytes.
func (l *Link) sendRun(ctx context.Context, digest string, size, from int64, content io.ReaderAt) (hostapi.Blob, error) {
	in := &source{r: content, at: from, end: size}
	zeros := in.skipZeros()
	b, err := apierr.Decode[hostapi.Blob](l.client.PutBlobWithBody(ctx, digest,
		&hostapi.PutBlobParams{Offset: from, Zeros: &zeros, Size: size}, "application/octet-stream", in, unlessRefused))
	if readErr := in.failure(); readErr != nil {
		return b, fmt.Errorf("read blob %s: %w", digest, readErr)
	}
	return b, err
}
