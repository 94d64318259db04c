package host

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

const (
	// maxJSON bounds a JSON request body in bytes.
	maxJSON = 1 << 20
	// uploadIdle is how long an upload may stand still before it is cut, so
	// that a card that went away does not keep others from sending the blob.
	uploadIdle = 30 * time.Second
)

// handler returns all routes of the document, and a problem for any other.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	strict := hostapi.NewStrictHandlerWithOptions(api{s}, nil, hostapi.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  s.badRequest,
		ResponseErrorHandlerFunc: s.fail,
	})
	hostapi.HandlerWithOptions(strict, hostapi.StdHTTPServerOptions{
		BaseRouter:       mux,
		ErrorHandlerFunc: s.badRequest,
	})
	mux.HandleFunc("GET /v1/vms/{id}/tunnels/{kind}", s.openTunnel)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, apierr.New(apierr.NotFound, "no_such_operation",
			"%s %.200s is not in the host API", r.Method, r.URL.Path))
	})
	return bound(mux)
}

// bound limits what a request's body may take: its size, or an upload's
// standstill.
func bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/v1/blobs/") {
			// The server looks at its own request's body to see whether an
			// Expect: 100-continue was answered, so that one stays as it is.
			r = r.WithContext(r.Context())
			r.Body = &idleBody{ReadCloser: r.Body, control: http.NewResponseController(w)}
		} else {
			r.Body = http.MaxBytesReader(w, r.Body, maxJSON)
		}
		next.ServeHTTP(w, r)
	})
}

// idleBody is a request body of any length that must not stand still.
type idleBody struct {
	io.ReadCloser
	control *http.ResponseController
}

// Read implements io.Reader.
func (b *idleBody) Read(p []byte) (int, error) {
	if err := b.control.SetReadDeadline(time.Now().Add(uploadIdle)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p)
	_ = b.control.SetReadDeadline(time.Time{})
	return n, err
}

// badRequest answers a request that could not be decoded.
func (s *Server) badRequest(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		err = apierr.New(apierr.InvalidArgument, "body_too_large",
			"the request body is larger than %d bytes", tooLarge.Limit)
	} else {
		err = apierr.New(apierr.InvalidArgument, "bad_request", "the request cannot be read: %w", err)
	}
	s.fail(w, r, err)
}

// fail answers with err's problem document, and logs what that hides.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if apierr.ClassOf(err) == apierr.Internal && r.Context().Err() == nil {
		s.cfg.Log.WithError(err).WithField("request", r.Method+" "+r.URL.Path).Error("request failed")
	}
	apierr.Write(w, err)
}
