package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
)

// defaultRetry is how often something is tried again that brings no new bytes.
var defaultRetry = transport.Backoff{Duration: time.Second, Factor: 3, Jitter: 0.1, Steps: 3}

// retryStatuses are answers of a registry that is not well at the moment.
var retryStatuses = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// errDifferent means that a blob is whole but not the one that was asked for.
var errDifferent = errors.New("the content has another digest")

// isBroken reports whether err is that of a connection, which another one may
// not have.
func isBroken(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &network) && network.Timeout()
}

// isCut reports whether err may be over soon in the middle of a transfer, when
// the registry is known to be there.
func isCut(err error) bool {
	return isBroken(err) || errors.Is(err, errStalled) || errors.Is(err, syscall.ECONNREFUSED)
}

// fetch brings a blob into the store. A transfer that breaks goes on where it
// was, in this pull while new bytes come, and else in a later one.
func (r *remoteRepo) fetch(ctx context.Context, d v1.Descriptor, report cardplane.ProgressFunc) error {
	s := r.store
	defer s.hold(d.Digest.String())()
	if s.hasBlob(d.Digest) {
		newMeter(report, cardplane.StepCached, d.Digest.String(), d.Size).finish()
		return nil
	}
	w, err := s.newWorkDir("blob")
	if err != nil {
		return err
	}
	defer w.remove()
	p, err := s.openPart(w, d)
	if err != nil {
		return err
	}
	meter := newMeter(report, cardplane.StepFetch, d.Digest.String(), d.Size)
	broken, err := r.complete(ctx, p, meter)
	switch {
	case err == nil:
		return p.finish()
	case broken:
		return errors.Join(err, p.keep())
	}
	return errors.Join(err, p.drop())
}

// complete downloads what p lacks. broken tells that what has come is good
// for another time.
func (r *remoteRepo) complete(ctx context.Context, p *part, meter *meter) (broken bool, err error) {
	pause := r.store.options.retry
	for best := p.size; ; {
		meter.set(p.size)
		broken, err := r.download(ctx, p, meter)
		switch {
		case errors.Is(err, errDifferent) && p.kept > 0:
			// What an earlier pull left may be at fault.
			if err := p.restart(); err != nil {
				return false, err
			}
			continue
		case errors.Is(err, errDifferent):
			return false, corrupt("blob %s from %s has digest %s", p.want.Digest, r.repo.RegistryStr(), p.digest())
		case err == nil, !isCut(err), ctx.Err() != nil:
			return broken, err
		}
		if p.size > best {
			best, pause = p.size, r.store.options.retry
		}
		if pause.Steps == 0 {
			return true, err
		}
		r.store.log.WithError(err).WithFields(logrus.Fields{"blob": p.want.Digest.String(), "bytes": p.size}).Warn("transfer broken; trying to go on")
		select {
		case <-time.After(pause.Step()):
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
}

// download asks once for what p lacks.
func (r *remoteRepo) download(ctx context.Context, p *part, meter *meter) (broken bool, err error) {
	ctx, watch, stop := watchProgress(ctx)
	defer stop()
	what := "blob " + p.want.Digest.String()
	resp, err := r.get(ctx, p)
	if err != nil {
		return true, r.userError(ctx, what, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := r.checkRange(resp, p); err != nil {
		return true, r.userError(ctx, what, err)
	}
	if p.size == 0 {
		meter.set(0)
	}
	body := &bodyReader{r: meter.reader(io.LimitReader(resp.Body, p.want.Size-p.size+1)), watch: watch}
	_, err = io.CopyBuffer(p, body, make([]byte, copyBuffer))
	switch {
	case p.size > p.want.Size:
		return false, corrupt("%s from %s has more than the %d bytes that it should have", what, r.repo.RegistryStr(), p.want.Size)
	case p.size == p.want.Size && p.digest() != p.want.Digest:
		return false, errDifferent
	case p.size == p.want.Size && (err == nil || body.err != nil):
		return false, nil
	case body.err != nil:
		return true, r.userError(ctx, what, body.err)
	case err != nil:
		return false, err
	}
	return false, corrupt("%s from %s has %d bytes, it should have %d", what, r.repo.RegistryStr(), p.size, p.want.Size)
}

// get sends the request for what p lacks.
func (r *remoteRepo) get(ctx context.Context, p *part) (*http.Response, error) {
	u := url.URL{Scheme: r.repo.Scheme(), Host: r.repo.RegistryStr(), Path: "/v2/" + r.repo.RepositoryStr() + "/blobs/" + p.want.Digest.String()}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if p.size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
	}
	return r.client.Do(req)
}

// checkRange makes sure that an answer begins where p ends.
func (r *remoteRepo) checkRange(resp *http.Response, p *part) error {
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.size)) {
			return nil
		}
		return errors.Join(fmt.Errorf("it sent the range %q instead of that from %d on: %w", resp.Header.Get("Content-Range"), p.size, io.ErrUnexpectedEOF), p.restart())
	case http.StatusRequestedRangeNotSatisfiable:
		return errors.Join(fmt.Errorf("it has no range from %d on: %w", p.size, io.ErrUnexpectedEOF), p.restart())
	case http.StatusOK:
		if p.size > 0 { // it sends all of it again
			return p.restart()
		}
		return nil
	}
	return transport.CheckError(resp, http.StatusOK)
}

// bodyReader tells failures of the registry from those of the disk.
type bodyReader struct {
	r     io.Reader
	watch func()
	err   error
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.watch()
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}
