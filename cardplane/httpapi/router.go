package httpapi

import (
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/validate"
)

// router implements cardapi.ServeMux: it puts validation in front of every
// route, and answers requests for no route with problem documents.
type router struct {
	mux      *http.ServeMux
	document *validate.Document
	fail     func(http.ResponseWriter, *http.Request, error)
}

// HandleFunc registers a handler for a pattern, which must be a route of the
// document.
func (rt *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	operation := rt.document.Route(pattern)
	if operation == nil {
		panic("httpapi: the document has no route " + pattern)
	}
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := check(operation, w, r); err != nil {
			rt.fail(w, r, err)
			return
		}
		handler(w, r)
	})
}

// check validates r, for which its body has to arrive within bodyTimeout.
func check(operation *validate.Operation, w http.ResponseWriter, r *http.Request) error {
	// Only a test's recorder has no deadline to set.
	deadline := http.NewResponseController(w)
	_ = deadline.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = deadline.SetReadDeadline(time.Time{}) }()
	if operation.RawBody() {
		r.Body = idleBody{ReadCloser: r.Body, deadline: deadline}
	}
	return operation.Check(r, maxBody)
}

// ServeHTTP serves r by the handler of its route.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, pattern := rt.mux.Handler(r)
	if pattern != "" {
		rt.mux.ServeHTTP(w, r)
		return
	}
	// The mux knows whether another method would have been right, and says so
	// by status and Allow header only.
	probe := &probe{header: make(http.Header)}
	handler.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		rt.fail(w, r, &methodError{method: r.Method, path: r.URL.Path, allow: probe.header.Get("Allow")})
		return
	}
	rt.fail(w, r, apierr.New(apierr.NotFound, "no_such_route", "there is no %s %.200q in this API; GET /openapi.yaml describes it", r.Method, r.URL.Path))
}

// probe takes the head of a response and drops its body.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }
