package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/cardplane/cardplane/openapi"
)

// Responses are what the document says they are.
func TestResponsesFitTheDocument(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Cardplane)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	covered := make(map[string]bool)
	send := func(method, target, body string, want int) string {
		t.Helper()
		w := f.do(method, target, body)
		if w.Code != want {
			t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		covered[checkResponse(t, router, method, target, w)] = true
		return w.Body.String()
	}

	send("GET", "/v1/version", "", 200)
	send("GET", "/v1/doctor", "", 200)
	send("GET", "/v1/images", "", 200)
	send("GET", "/v1/images/test", "", 200)
	send("POST", "/v1/images/pull", `{"reference":"test","credentials":{"username":"u","password":"p"}}`, 200)
	id := f.create(`{"image":"test","command":["sleep","1000"],"tty":true,"env":{"a":"b"},"labels":{"c":"d"},"resources":{"vcpus":2},"name":"full","terminalSize":{"rows":1,"cols":2}}`)
	send("POST", "/v1/containers", `{"image":"test"}`, 201)
	send("GET", "/v1/containers/"+id, "", 200)
	send("POST", "/v1/containers/"+id+"/start", "", 200)
	send("GET", "/v1/containers?all=true&limit=1", "", 200)
	send("POST", "/v1/containers/"+id+"/resize", `{"rows":3,"cols":4}`, 204)
	exec := send("POST", "/v1/containers/"+id+"/execs", `{"command":["cat"],"stdin":true,"tty":true}`, 201)
	execID := exec[strings.Index(exec, `"id":"`)+6:][:16]
	send("GET", "/v1/containers/"+id+"/execs/"+execID, "", 200)
	send("POST", "/v1/containers/"+id+"/execs/"+execID+"/resize", `{"rows":3,"cols":4}`, 204)
	send("POST", "/v1/containers/"+id+"/kill", `{"signal":"SIGWINCH"}`, 204)
	send("POST", "/v1/containers/"+id+"/stop", `{"timeoutSeconds":0}`, 200)
	send("POST", "/v1/containers/"+id+"/stop", "", 200)
	send("GET", "/v1/containers/"+id+"/wait", "", 200)
	send("DELETE", "/v1/containers/"+id+"?force=true", "", 204)
	send("DELETE", "/v1/images/none", "", 404)
	failed := f.create(`{"image":"test","command":["nope"]}`)
	send("POST", "/v1/containers/"+failed+"/start", "", 400)
	send("GET", "/v1/containers/"+failed, "", 200)

	// Streams are checked by tests of their own.
	for _, id := range []string{"getOpenAPI", "loadImages", "getLogs", "getEvents", "attachContainer", "attachExec"} {
		covered[id] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !covered[operation.OperationID] {
				t.Errorf("%s %s (%s) is not checked here", method, path, operation.OperationID)
			}
		}
	}
}

// checkResponse validates a response and returns its operation's id.
func checkResponse(t *testing.T, router routers.Router, method, target string, w *httptest.ResponseRecorder) string {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	route, params, err := router.FindRoute(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 w.Code,
		Header:                 w.Header(),
		Body:                   io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	}
	if w.Code == http.StatusNoContent && w.Body.Len() > 0 {
		t.Errorf("%s %s: 204 with a body", method, target)
	}
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("%s %s: %v", method, target, err)
	}
	return route.Operation.OperationID
}
