package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/validate"
)

const deprecating = `
openapi: 3.0.3
info: {title: t, version: v}
paths:
  /old: {get: {operationId: getOld, deprecated: true, x-deprecated-since: 2026-01-02, x-sunset: 2027-01-02}}
  /new: {get: {operationId: getNew}}
`

// Every answer of a deprecated operation says so, errors included.
func TestDeprecation(t *testing.T) {
	document, err := validate.Parse([]byte(deprecating))
	if err != nil {
		t.Fatal(err)
	}
	rt := &router{
		mux: http.NewServeMux(), document: document, limits: strict, brief: make(slots, 1), lasting: make(slots, 1),
		fail: func(w http.ResponseWriter, _ *http.Request, err error) { apierr.Write(w, err) },
	}
	rt.HandleFunc("GET /old", func(http.ResponseWriter, *http.Request) {})
	rt.HandleFunc("GET /new", func(http.ResponseWriter, *http.Request) {})
	for target, want := range map[string]struct {
		status              int
		deprecation, sunset string
	}{
		"/old":        {http.StatusOK, "@1767312000", "Sat, 02 Jan 2027 00:00:00 GMT"},
		"/old?nope=1": {http.StatusBadRequest, "@1767312000", "Sat, 02 Jan 2027 00:00:00 GMT"},
		"/new":        {http.StatusOK, "", ""},
	} {
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		got := w.Header()
		if w.Code != want.status || got.Get("Deprecation") != want.deprecation || got.Get("Sunset") != want.sunset {
			t.Errorf("%s: %d %v", target, w.Code, got)
		}
	}
}
