package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/validate"
)

// router implements cardapi.ServeMux: it puts limits and validation in front
// of every route, tells of those that are deprecated, and answers requests for no route with problem documents.
type router struct {
	mux      *http.ServeMux
	document *validate.Document
	fail     func(http.ResponseWriter, *http.Request, error)

	limits         limits
	brief, lasting slots
}

// HandleFunc registers a handler for a pattern, which must be a route of the
// document.
func (rt *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	operation := rt.document.Route(pattern)
	if operation == nil {
		panic("httpapi: the document has no route " + pattern)
	}
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		operation.Announce(w.Header())
		free, ok := rt.admit(operation, w, r)
		if !ok {
			return
		}
		defer free()
		if err := rt.check(operation, w, r); err != nil {
			rt.fail(w, r, err)
			return
		}
		handler(w, r)
	})
}

// ServeHTTP serves r by the handler of its route.
func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A path that the document names is not that of an object of this name.
	named := rt.document.Methods(r.URL.Path)
	if slices.Contains(named, http.MethodGet) {
		named = append(named, http.MethodHead)
	}
	if len(named) > 0 && !slices.Contains(named, r.Method) {
		rt.wrongMethod(w, r, strings.Join(named, ", "))
		return
	}
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
		rt.wrongMethod(w, r, probe.header.Get("Allow"))
		return
	}
	rt.fail(w, r, apierr.New(apierr.NotFound, "no_such_route", "there is no %s %.200q in this API; GET /openapi.yaml describes it", r.Method, r.URL.Path))
}

// wrongMethod refuses a method that a path does not have.
func (rt *router) wrongMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	rt.fail(w, r, apierr.New(apierr.InvalidArgument, "method_not_allowed", "%.200q takes no %s; use %s", r.URL.Path, r.Method, allow))
}

// probe takes the head of a response and drops its body.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }
