package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/cardplane/httpapi"
	"github.com/cardplane/cardplane/openapi"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/validate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is an API over services in memory that have the image "test".
type fixture struct {
	*cardplanetest.Memory
	t        *testing.T
	services httpapi.Services
	handler  http.Handler
	log      *test.Hook
	client   *http.Client // reaches what listen serves
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	m := cardplanetest.NewMemory()
	t.Cleanup(m.Close)
	f := &fixture{Memory: m, t: t}
	f.services = httpapi.Services{Containers: m.Containers(), Images: m.Images(), Volumes: m.Volumes(), Networks: m.Networks(), Configs: m.Configs(), Secrets: m.Secrets(), Sandboxes: m.Sandboxes(), Events: m.Events(), System: m.System()}
	f.serve()
	if _, err := m.Images().Load(t.Context(), bytes.NewReader(cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")), cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	return f
}

// serve makes the handler anew, over changed services.
func (f *fixture) serve() {
	log, hook := test.NewNullLogger()
	log.SetLevel(logrus.DebugLevel)
	f.handler, f.log = httpapi.New(f.services, log), hook
}

// do sends a request with an optional JSON body.
func (f *fixture) do(method, target, body string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequestWithContext(f.t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	checkResponse(f.t, r, w)
	return w
}

// create creates a container and returns its id.
func (f *fixture) create(body string) string {
	f.t.Helper()
	w := f.do("POST", "/v1/containers", body)
	var c cardapi.Container
	if err := json.Unmarshal(w.Body.Bytes(), &c); w.Code != http.StatusCreated || err != nil {
		f.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return c.Id
}

// problem decodes a problem document.
func problem(t *testing.T, w *httptest.ResponseRecorder) apierr.Problem {
	t.Helper()
	var p apierr.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != apierr.ContentType {
		t.Fatalf("%d %s is no problem: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	if p.Status != w.Code {
		t.Errorf("the problem says %d, the response %d", p.Status, w.Code)
	}
	return p
}

func TestProblems(t *testing.T) {
	f := newFixture(t)
	big := `{"image":"` + strings.Repeat("x", 1<<20) + `"}`
	for _, tc := range []struct {
		method, target, body string
		status               int
		code, field, detail  string
	}{
		{"GET", "/", "", 404, "no_such_route", "", "there is no GET"},
		{"GET", "/v2/containers", "", 404, "no_such_route", "", ""},
		{"DELETE", "/v1/containers", "", 405, "method_not_allowed", "", `"/v1/containers" takes no DELETE; use GET, POST, HEAD`},
		{"DELETE", "/v1/images/load", "", 405, "method_not_allowed", "", "use POST"},
		{"PUT", "/v1/containers/x/start", "", 405, "method_not_allowed", "", "use POST"},
		{"POST", "/v1/containers", "", 400, "missing_body", "", "createContainer needs"},
		{"POST", "/v1/containers", "{", 400, "invalid_json", "", ""},
		{"POST", "/v1/containers", "{}", 400, "missing_field", "/image", ""},
		{"POST", "/v1/containers", `{"image":"test","nmae":"x"}`, 400, "unknown_field", "/nmae", "there is no field /nmae"},
		{"POST", "/v1/containers", `{"image":"test","devices":["/dev/kvm"]}`, 400, "not_supported", "/devices", "cannot be passed into a virtual machine; leave it out"},
		{"POST", "/v1/containers", `{"image":"test","mounts":[{"type":"bind","source":"/etc"}]}`, 400, "not_supported", "/mounts", "mount a volume"},
		{"POST", "/v1/containers", `{"image":"test","volumes":[{"volume":"v","path":"/etc","source":"/etc"}]}`, 400, "not_supported", "/volumes/0/source", "no file system in common"},
		{"POST", "/v1/containers", `{"image":"test","pidMode":"host"}`, 400, "not_supported", "/pidMode", "shares nothing"},
		{"POST", "/v1/containers", `{"image":"test","networkMode":"host"}`, 400, "not_supported", "/networkMode", "shares nothing"},
		{"POST", "/v1/containers", `{"image":"test","resources":{"vcpus":65}}`, 400, "invalid_field", "/resources/vcpus", "maximum is 64"},
		{"POST", "/v1/containers", `{"image":"test","logs":{"whenFull":"panic"}}`, 400, "invalid_field", "/logs/whenFull", "block, drop"},
		{"POST", "/v1/containers", `{"image":"none"}`, 404, "image_not_found", "/image", "cardctl load"},
		{"POST", "/v1/containers", big, 413, "body_too_large", "", "1048576"},
		{"GET", "/v1/containers/nope", "", 404, "container_not_found", "", `"nope"`},
		{"GET", "/v1/containers/" + strings.Repeat("x", 129), "", 400, "invalid_parameter", "container", "at most 128"},
		{"GET", "/v1/containers?limit=0", "", 400, "invalid_parameter", "limit", "minimum is 1"},
		{"GET", "/v1/containers?limit=1001", "", 400, "invalid_parameter", "limit", ""},
		{"GET", "/v1/containers?all=yes", "", 400, "invalid_parameter", "all", ""},
		{"GET", "/v1/containers?al=true", "", 400, "unknown_parameter", "al", "takes all, state, sandbox, health, label, name, limit, cursor"},
		{"GET", "/v1/containers?state=gone", "", 400, "invalid_parameter", "state", "created, starting, running"},
		{"GET", "/v1/containers?label=", "", 400, "invalid_parameter", "label", "is empty"},
		{"GET", "/v1/images?name=x&nmae=y", "", 400, "unknown_parameter", "nmae", "takes label, name, limit, cursor"},
		{"POST", "/v1/containers/x/start", "{}", 400, "unexpected_body", "", "leave it out"},
		{"GET", "/v1/containers?cursor=%21", "", 400, "invalid_cursor", "cursor", "begin without one"},
		{"GET", "/v1/containers?cursor=eA", "", 400, "invalid_cursor", "cursor", ""},
		{"GET", "/v1/containers/x/logs?tail=-1", "", 400, "invalid_parameter", "tail", ""},
		{"GET", "/v1/containers/x/logs?since=now", "", 400, "invalid_parameter", "since", ""},
		{"GET", "/v1/containers/x/wait?timeoutSeconds=3601", "", 400, "invalid_parameter", "timeoutSeconds", ""},
		{"GET", "/v1/events?since=-1", "", 400, "invalid_parameter", "since", ""},
		{"GET", "/v1/version?x=1", "", 400, "unknown_parameter", "x", "takes none"},
		{"POST", "/v1/containers/x/resize", `{"rows":0,"cols":1}`, 400, "invalid_field", "/rows", ""},
		{"POST", "/v1/containers/x/execs", `{"command":[]}`, 400, "invalid_field", "/command", "at least 1"},
		{"POST", "/v1/images/pull", `{"reference":"x/y"}`, 503, "registry_unavailable", "", ""},
		{"GET", "/v1/images/localhost:5000%2Fa%2Fb:v1", "", 404, "image_not_found", "", `"localhost:5000/a/b:v1"`},
		{"GET", "/v1/containers/x/attach", "", 426, "upgrade_required", "", ""},
		{"GET", "/v1/containers/x/attach?stdni=true", "", 400, "unknown_parameter", "stdni", ""},
		{"GET", "/v1/containers/x/execs/y/attach", "", 426, "upgrade_required", "", ""},
	} {
		t.Run(tc.method+" "+tc.target[:min(len(tc.target), 60)], func(t *testing.T) {
			w := f.do(tc.method, tc.target, tc.body)
			p := problem(t, w)
			if w.Code != tc.status || p.Code != tc.code || p.Field != tc.field || !strings.Contains(p.Detail, tc.detail) {
				t.Errorf("got %d %+v", w.Code, p)
			}
			if allow := w.Header().Get("Allow"); (tc.status == 405) != (allow != "") {
				t.Errorf("Allow is %q", allow)
			}
			if strings.Contains(p.Detail, "\n") || p.Title == "" || p.Class == "" {
				t.Errorf("%+v", p)
			}
		})
	}
}

// Everything that is wrong with a request is told at once, and by pointers.
func TestFieldErrors(t *testing.T) {
	f := newFixture(t)
	p := problem(t, f.do("POST", "/v1/containers", `{"nmae":"x","resources":{"vcpus":65}}`))
	want := []apierr.FieldError{
		{Pointer: "/image", Code: "missing_field", Detail: "field /image is required"},
		{Pointer: "/nmae", Code: "unknown_field", Detail: p.Errors[1].Detail},
		{Pointer: "/resources/vcpus", Code: "invalid_field", Detail: "field /resources/vcpus is 65; the maximum is 64", Value: "65"},
	}
	if !slices.Equal(p.Errors, want) || p.Field != "/image" {
		t.Errorf("%q: %+v", p.Field, p.Errors)
	}
	if p := problem(t, f.do("GET", "/v1/containers?limit=0", "")); len(p.Errors) != 1 || p.Errors[0].Parameter != "limit" {
		t.Errorf("%+v", p.Errors)
	}
	// Not only what validation finds has a place.
	if p := problem(t, f.do("POST", "/v1/containers", `{"image":"none"}`)); len(p.Errors) != 1 || p.Errors[0].Pointer != "/image" {
		t.Errorf("%+v", p.Errors)
	}
	if p := problem(t, f.do("POST", "/v1/images/pull", `{"reference":"x","credentials":{"password":["hunter2"]}}`)); strings.Contains(fmt.Sprint(p), "hunter2") {
		t.Errorf("a secret is repeated: %+v", p)
	}
}

// The tag of a container is that of its content.
func TestETag(t *testing.T) {
	f := newFixture(t)
	created := f.do("POST", "/v1/containers", `{"image":"test","command":["sleep","1000"],"name":"tagged"}`)
	get := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/containers/tagged", nil)
		if tag != "" {
			r.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		checkResponse(t, r, w)
		return w
	}
	first := get("").Header().Get("ETag")
	if first == "" || first != created.Header().Get("ETag") || first != get("").Header().Get("ETag") {
		t.Errorf("%q after a create with %q", first, created.Header().Get("ETag"))
	}
	for _, tag := range []string{first, "W/" + first, "*"} {
		if w := get(tag); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%s: %d %s", tag, w.Code, w.Body)
		}
	}
	f.do("POST", "/v1/containers/tagged/start", "")
	if w := get(first); w.Code != http.StatusOK || w.Header().Get("ETag") == first {
		t.Errorf("after a change: %d %s", w.Code, w.Header())
	}
	remove := func(tag string) int {
		r := httptest.NewRequestWithContext(t.Context(), "DELETE", "/v1/containers/tagged?force=true", nil)
		r.Header.Set("If-Match", tag)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		checkResponse(t, r, w)
		return w.Code
	}
	if code := remove(first); code != http.StatusPreconditionFailed {
		t.Errorf("a removal of what has changed: %d", code)
	}
	if w := get("no tag"); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if code := remove(get("").Header().Get("ETag")); code != http.StatusNoContent {
		t.Errorf("a removal of what has not changed: %d", code)
	}
}

func TestContentType(t *testing.T) {
	f := newFixture(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/containers", strings.NewReader(`{"image":"test"}`))
	r.Header.Set("Content-Type", "text/plain") // what a foreign web page can send
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if p := problem(t, w); p.Code != "unsupported_media_type" {
		t.Errorf("%+v", p)
	}
}

// Every operation of the document has a handler.
func TestEveryOperationIsServed(t *testing.T) {
	f := newFixture(t)
	doc, err := validate.Parse(openapi.Cardplane)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range doc.Operations() {
		target := strings.NewReplacer("{container}", "x", "{exec}", "y", "{image}", "z").Replace(op.Path)
		if op.ID == "getEvents" {
			target += "?follow=false"
		}
		w := f.do(op.Method, target, "")
		if w.Code == http.StatusMethodNotAllowed || strings.Contains(w.Body.String(), "no_such_route") {
			t.Errorf("%s: %s %s is not served", op.ID, op.Method, target)
		}
	}
}

func TestServesItsDocument(t *testing.T) {
	w := newFixture(t).do("GET", "/openapi.yaml", "")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), openapi.Cardplane) || w.Header().Get("Content-Type") != "application/yaml" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

// faulty is a container service that breaks in several ways.
type faulty struct{ cardplane.ContainerService }

func (faulty) Get(_ context.Context, ref string) (cardplane.Container, error) {
	if ref == "panic" {
		panic("index out of range")
	}
	return cardplane.Container{}, errors.New("secret: disk /dev/sda is broken")
}

func (faulty) Start(context.Context, string) (cardplane.Container, error) {
	cause := errors.New("the cause")
	return cardplane.Container{}, apierr.New(apierr.Unavailable, "guest_boot_failed", "the guest did not come up: %w", cause).With([]string{"Kernel panic"})
}

func (faulty) Logs(context.Context, string, cardplane.LogOptions) (cardplane.LogReader, error) {
	return &brokenReader{}, nil
}

// brokenReader fails after its first record.
type brokenReader struct{ read bool }

func (r *brokenReader) Next(context.Context) (cardplane.LogRecord, error) {
	if r.read {
		return cardplane.LogRecord{}, errors.New("the disk is broken")
	}
	r.read = true
	return cardplane.LogRecord{Stream: cardplane.Stdout, Data: []byte("x")}, nil
}

func (r *brokenReader) Close() error { return nil }

func TestFaultyServices(t *testing.T) {
	f := newFixture(t)
	f.services.Containers = faulty{}
	f.serve()
	for _, ref := range []string{"panic", "error"} {
		w := f.do("GET", "/v1/containers/"+ref, "")
		p := problem(t, w)
		if w.Code != 500 || p.Code != "internal" || strings.Contains(p.Detail, "secret") {
			t.Errorf("%s: %+v", ref, p)
		}
	}
	var logged []string
	for _, entry := range f.log.AllEntries() {
		if entry.Level == logrus.ErrorLevel {
			logged = append(logged, fmt.Sprint(entry.Data["error"]))
		}
	}
	if len(logged) != 2 || !strings.HasPrefix(logged[0], "panic: index out of range\ngoroutine") || !strings.Contains(logged[1], "/dev/sda") {
		t.Errorf("logged %q", logged)
	}
	p := problem(t, f.do("POST", "/v1/containers/x/start", ""))
	if p.Status != 503 || p.Code != "guest_boot_failed" || len(p.Evidence) != 1 {
		t.Errorf("%+v", p)
	}
}

// A stream that breaks is cut short; it does not look complete.
func TestBrokenStream(t *testing.T) {
	f := newFixture(t)
	f.services.Containers = faulty{}
	f.serve()
	resp := f.get(f.listen()+"/v1/containers/x/logs", nil)
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(string(body), `"data":"eA=="`) {
		t.Errorf("got %q, %v", body, err)
	}
}

func TestAccessLog(t *testing.T) {
	f := newFixture(t)
	f.do("GET", "/v1/version", "")
	entry := f.log.LastEntry()
	if entry.Level != logrus.DebugLevel || entry.Data["path"] != "/v1/version" || entry.Data["status"] != 200 {
		t.Errorf("%v %v", entry.Message, entry.Data)
	}
}

// DELETE of an image asks the containers whether they use it.
func TestImageInUse(t *testing.T) {
	f := newFixture(t)
	id := f.create(`{"image":"test","name":"user"}`)
	if p := problem(t, f.do("DELETE", "/v1/images/test?force=true", "")); p.Code != "image_in_use" || !strings.Contains(p.Detail, "container user") {
		t.Errorf("%+v", p)
	}
	if w := f.do("DELETE", "/v1/containers/"+id, ""); w.Code != 204 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.do("DELETE", "/v1/images/test", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A tar of images is not bound by the limit of JSON bodies.
func TestLoadIsUnbounded(t *testing.T) {
	f := newFixture(t)
	padding := make([]byte, 3<<20) // tar readers stop at zeros; the stream is read to its end
	body := append(cardplanetest.Archive(cardplane.ImageConfig{User: "u"}, "big:1"), padding...)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/images/load", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/octet-stream")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "big:1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWaitTimeout(t *testing.T) {
	f := newFixture(t)
	id := f.create(`{"image":"test","command":["sleep","1000"]}`)
	w := f.do("GET", "/v1/containers/"+id+"/wait?timeoutSeconds=0", "")
	if w.Code != 202 || !strings.Contains(w.Body.String(), `"state":"created"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestIdempotencyKey(t *testing.T) {
	f := newFixture(t)
	post := func(key string) cardapi.Container {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/containers", strings.NewReader(`{"image":"test"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		var c cardapi.Container
		if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if a, b, c := post("k"), post("k"), post("l"); a.Id != b.Id || a.Id == c.Id {
		t.Errorf("%s %s %s", a.Id, b.Id, c.Id)
	}
}
