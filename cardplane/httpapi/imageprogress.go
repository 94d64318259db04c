package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// imageWork is a pull or a load.
type imageWork func(context.Context, cardplane.ProgressFunc) ([]cardplane.Image, error)

// withProgress begins work and waits for its first progress or its end, so
// that what fails at once is an error like any other.
func (s *server) withProgress(ctx context.Context, work imageWork) (*progressResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &progressResponse{server: s, ctx: ctx, cancel: cancel, lines: make(chan cardplane.ImageProgress), ended: make(chan struct{})}
	go p.run(work)
	select {
	case first := <-p.lines:
		p.first = &first
	case <-p.ended:
		if p.err != nil {
			cancel()
			return nil, p.err
		}
	}
	return p, nil
}

// progressResponse streams the progress of a pull or a load as NDJSON. Its
// work ends with it.
type progressResponse struct {
	server *server
	ctx    context.Context
	cancel context.CancelFunc
	lines  chan cardplane.ImageProgress
	first  *cardplane.ImageProgress
	ended  chan struct{} // closed once images and err are there
	images []cardplane.Image
	err    error
	told   bool // the last line was sent
}

// run does the work in a goroutine of its own, where a panic would end the
// daemon.
func (p *progressResponse) run(work imageWork) {
	defer close(p.ended)
	defer func() {
		if cause := recover(); cause != nil {
			p.err = panicError(cause)
		}
	}()
	p.images, p.err = work(p.ctx, func(progress cardplane.ImageProgress) {
		select {
		case p.lines <- progress:
		case <-p.ctx.Done():
		}
	})
}

// VisitPullImageResponse implements cardapi.PullImageResponseObject.
func (p *progressResponse) VisitPullImageResponse(w http.ResponseWriter) error {
	defer func() { <-p.ended }()
	defer p.cancel()
	beginStream(w, "application/x-ndjson")
	return stream(p.ctx, w, p.next, p.server.heartbeat, nil)
}

// VisitLoadImagesResponse implements cardapi.LoadImagesResponseObject.
func (p *progressResponse) VisitLoadImagesResponse(w http.ResponseWriter) error {
	return p.VisitPullImageResponse(w)
}

func (p *progressResponse) next(ctx context.Context) ([]byte, error) {
	if p.told {
		return nil, io.EOF
	}
	if p.first != nil {
		first := apimodel.ProgressToAPI(*p.first)
		p.first = nil
		return line(first)
	}
	select {
	case progress := <-p.lines:
		return line(apimodel.ProgressToAPI(progress))
	case <-p.ended:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.told = true
	if p.err != nil && apierr.ClassOf(p.err) == apierr.Internal {
		p.server.log.WithError(logged(p.err)).Error("image work failed")
	}
	return line(apimodel.ProgressEndToAPI(p.images, p.err))
}
