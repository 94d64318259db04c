package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/cardplane/cardplane/openapi"
)

// Responses are what the document says they are.
func TestResponsesFitTheDocument(t *testing.T) {
	f := newFixture(t)
	covered := make(map[string]bool)
	send := func(method, target, body string, want int) string {
		t.Helper()
		w := f.do(method, target, body)
		if w.Code != want {
			t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
		}
		covered[operationOf(t, method, target)] = true
		return w.Body.String()
	}

	send("GET", "/v1/version", "", 200)
	send("GET", "/v1/doctor", "", 200)
	send("GET", "/v1/disk-usage", "", 200)
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
	send("GET", "/v1/containers/"+id+"/execs", "", 200)
	send("POST", "/v1/containers/"+id+"/execs/"+execID+"/resize", `{"rows":3,"cols":4}`, 204)
	send("POST", "/v1/containers/"+id+"/pause", "", 200)
	send("POST", "/v1/containers/"+id+"/unpause", "", 200)
	send("POST", "/v1/containers/"+id+"/restart", `{"timeoutSeconds":0}`, 200)
	send("POST", "/v1/containers/"+id+"/rename", `{"name":"fuller"}`, 200)
	send("GET", "/v1/containers/"+id+"/file?path=/", "", 200)
	send("GET", "/v1/containers/"+id+"/processes", "", 200)
	send("PATCH", "/v1/containers/"+id, `{"labels":{"c":null,"e":"f"},"resources":{"vcpus":1,"pidsLimit":10},"restartPolicy":{"mode":"always"}}`, 200)
	send("POST", "/v1/containers/"+id+"/kill", `{"signal":"SIGWINCH"}`, 204)
	send("POST", "/v1/containers/"+id+"/stop", `{"timeoutSeconds":0}`, 200)
	send("POST", "/v1/containers/"+id+"/stop", "", 200)
	send("GET", "/v1/containers/"+id+"/wait", "", 200)
	send("GET", "/v1/containers/"+id+"/wait?timeoutSeconds=0&condition=removed", "", 202)
	send("POST", "/v1/containers/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	send("DELETE", "/v1/containers/"+id+"?force=true", "", 204)
	checked := f.create(`{"image":"test","command":["sleep","1000"],"healthcheck":{"shell":"echo well","intervalSeconds":0.01,"retries":2}}`)
	send("GET", "/v1/containers/"+checked+"/wait?timeoutSeconds=0&condition=healthy", "", 202)
	send("POST", "/v1/containers/"+checked+"/start", "", 200)
	if body := send("GET", "/v1/containers/"+checked+"/wait?condition=healthy", "", 200); !strings.Contains(body, `"output":"well\n"`) {
		t.Errorf("a healthy container is %s", body)
	}
	if body := send("GET", "/v1/containers?health=healthy", "", 200); !strings.Contains(body, `"status":"healthy"`) || strings.Contains(body, "results") {
		t.Errorf("a list of healthy containers is %s", body)
	}
	send("GET", "/v1/containers?health=ill", "", 400)
	send("POST", "/v1/containers/"+checked+"/stop", `{"timeoutSeconds":0}`, 200)
	send("GET", "/v1/containers/"+checked+"/wait?condition=healthy", "", 409)
	send("POST", "/v1/containers", `{"image":"test","healthcheck":{"retries":0}}`, 400)
	send("POST", "/v1/containers", `{"image":"test","healthcheck":{"disabled":true}}`, 201)
	send("DELETE", "/v1/images/none", "", 404)
	send("GET", "/v1/images/test/history", "", 200)
	send("PUT", "/v1/images/test/names/more:v1", "", 200)
	send("DELETE", "/v1/images/test/names/more:v1", "", 200)
	send("POST", "/v1/images/prune", `{"labels":["none"],"until":"2020-01-01T00:00:00Z"}`, 200)
	send("POST", "/v1/images/save", `{"images":["none"]}`, 404)
	failed := f.create(`{"image":"test","command":["nope"]}`)
	send("POST", "/v1/containers/"+failed+"/start", "", 400)
	send("GET", "/v1/containers/"+failed, "", 200)

	send("POST", "/v1/networks", `{"name":"back","subnets":[{"prefix":"10.5.0.0/24"}],"labels":{"a":"b"}}`, 201)
	send("POST", "/v1/networks", `{"name":"back"}`, 409)
	send("GET", "/v1/networks", "", 200)
	send("GET", "/v1/networks/back", "", 200)
	send("GET", "/v1/networks/nope", "", 404)
	send("POST", "/v1/networks/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	on := f.create(`{"image":"test","command":["sleep","1000"],"networks":[{"network":"default","aliases":["a"],"sendBytesPerSecond":1000}],"ports":[{"hostAddress":"127.0.0.1","containerPort":80}]}`)
	if body := send("POST", "/v1/containers/"+on+"/start", "", 200); !strings.Contains(body, `"hostPort":4915`) || !strings.Contains(body, `"aliases":["a"]`) {
		t.Errorf("a container on a network is %s", body)
	}
	send("PUT", "/v1/networks/back/containers/"+on, `{"aliases":["db"],"addresses":["10.5.0.7"]}`, 200)
	send("DELETE", "/v1/networks/back", "", 409)
	send("DELETE", "/v1/networks/default/containers/"+on, "", 409)
	send("DELETE", "/v1/networks/back/containers/"+on, "", 200)
	send("DELETE", "/v1/networks/back", "", 204)
	send("POST", "/v1/containers", `{"image":"test","networks":[{"network":"nope"}]}`, 404)
	send("POST", "/v1/volumes", `{"name":"data"}`, 201)
	send("POST", "/v1/volumes", `{"name":"data"}`, 409)
	send("GET", "/v1/volumes", "", 200)
	send("GET", "/v1/volumes/data", "", 200)
	send("GET", "/v1/volumes/nope", "", 404)
	if body := send("PUT", "/v1/volumes/data/containers/"+on, `{"path":"/data","subpath":"a","readOnly":true}`, 200); !strings.Contains(body, `"subpath":"a"`) {
		t.Errorf("a container with a volume is %s", body)
	}
	send("PUT", "/v1/volumes/data/containers/"+on, `{"path":"/data"}`, 400)
	send("PUT", "/v1/volumes/nope/containers/"+on, `{"path":"/data"}`, 404)
	send("DELETE", "/v1/volumes/data/containers/"+on, "", 200)
	send("DELETE", "/v1/volumes/data/containers/"+on, "", 409)
	if body := send("POST", "/v1/volumes", `{"name":"disk","format":"raw"}`, 201); !strings.Contains(body, `"format":"raw"`) {
		t.Errorf("a raw volume is %s", body)
	}
	send("POST", "/v1/volumes", `{"name":"copy","source":{"volume":"data"}}`, 201)
	send("POST", "/v1/volumes", `{"source":{"volume":"nope"}}`, 404)
	send("PATCH", "/v1/volumes/data", `{"sizeBytes":21474836480}`, 200)
	send("PATCH", "/v1/volumes/data", `{"sizeBytes":67108864}`, 409)
	send("POST", "/v1/volumes/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	send("DELETE", "/v1/volumes/data", "", 204)
	send("POST", "/v1/configs", `{"name":"key","data":"aHVudGVyMg==","labels":{"a":"b"}}`, 201)
	send("POST", "/v1/configs", `{"name":"key","data":""}`, 409)
	send("GET", "/v1/configs?label=a=b&name=k*", "", 200)
	send("GET", "/v1/configs/key", "", 200)
	send("GET", "/v1/configs/nope", "", 404)
	send("PATCH", "/v1/configs/key", `{"data":"aHVudGVyMw==","labels":{"a":null,"c":"d"}}`, 200)
	send("PATCH", "/v1/configs/nope", `{"data":"aHVudGVyMw=="}`, 404)
	send("POST", "/v1/configs/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	send("POST", "/v1/secrets", `{"name":"key","data":"aHVudGVyMg==","labels":{"a":"b"}}`, 201)
	send("POST", "/v1/secrets", `{"name":"key","data":""}`, 409)
	send("GET", "/v1/secrets?label=a=b&name=k*", "", 200)
	send("GET", "/v1/secrets/key", "", 200)
	send("GET", "/v1/secrets/nope", "", 404)
	send("PATCH", "/v1/secrets/key", `{"data":"aHVudGVyMw==","labels":{"a":null,"c":"d"}}`, 200)
	send("PATCH", "/v1/secrets/nope", `{"data":"aHVudGVyMw=="}`, 404)
	send("POST", "/v1/secrets/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	send("POST", "/v1/containers", `{"image":"test","configs":[{"name":"key","path":"/etc/key","mode":"0440","uid":1,"gid":2}],"secrets":[{"name":"key"}]}`, 201)
	send("POST", "/v1/containers", `{"image":"test","secrets":[{"name":"nope"}]}`, 404)
	send("DELETE", "/v1/secrets/key", "", 409)
	send("DELETE", "/v1/configs/key", "", 409)
	for _, kind := range []string{"secrets", "configs"} {
		send("POST", "/v1/"+kind, `{"name":"gone","data":""}`, 201)
		send("DELETE", "/v1/"+kind+"/gone", "", 204)
	}
	send("POST", "/v1/sandboxes", `{"name":"shop","labels":{"a":"b"},"resources":{"vcpus":2,"memoryBytes":536870912}}`, 201)
	send("POST", "/v1/sandboxes", `{"name":"shop"}`, 409)
	send("POST", "/v1/containers", `{"image":"test","sandbox":"shop"}`, 201)
	send("POST", "/v1/containers", `{"image":"test","sandbox":"shop","resources":{"vcpus":1}}`, 400)
	send("GET", "/v1/containers?all=true&sandbox=shop", "", 200)
	send("GET", "/v1/sandboxes?state=idle", "", 200)
	send("GET", "/v1/sandboxes/shop", "", 200)
	send("GET", "/v1/sandboxes/nope", "", 404)
	send("POST", "/v1/sandboxes/prune", `{"labels":["none"],"until":"2026-11-22T10:00:00Z"}`, 200)
	send("DELETE", "/v1/sandboxes/shop", "", 409)
	send("DELETE", "/v1/sandboxes/shop?force=true", "", 204)

	// Streams are checked by tests of their own.
	for _, id := range []string{"getOpenAPI", "loadImages", "getLogs", "getEvents", "attachContainer", "attachExec", "connectPort", "copyFromContainer", "getStats", "copyToContainer", "exportVolume", "importVolume"} {
		covered[id] = true
	}
	for path, item := range theContract(t).doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !covered[operation.OperationID] {
				t.Errorf("%s %s (%s) is not checked here", method, path, operation.OperationID)
			}
		}
	}
}

// contract is the document as another implementation reads it.
type contract struct {
	doc    *openapi3.T
	router routers.Router
}

var readContract = sync.OnceValues(func() (contract, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Cardplane)
	if err != nil {
		return contract{}, err
	}
	doc.Servers = nil
	router, err := legacy.NewRouter(doc)
	return contract{doc, router}, err
})

func theContract(t *testing.T) contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func operationOf(t *testing.T, method, target string) string {
	t.Helper()
	found, _, err := theContract(t).router.FindRoute(httptest.NewRequest(method, target, nil))
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return found.Operation.OperationID
}

// checkResponse holds a response, its status included, against the document.
func checkResponse(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	found, params, err := theContract(t).router.FindRoute(r)
	if err != nil || w.Code == http.StatusMethodNotAllowed {
		return // there is no such operation
	}
	kind := w.Header().Get("Content-Type")
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: found},
		Status:                 w.Code,
		Header:                 w.Header(),
		Body:                   io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			ExcludeResponseBody:   !strings.HasSuffix(kind, "/json") && !strings.HasSuffix(kind, "+json"),
		},
	}
	if w.Code == http.StatusNoContent && w.Body.Len() > 0 {
		t.Errorf("%s %s: 204 with a body", r.Method, r.URL)
	}
	if err := openapi3filter.ValidateResponse(t.Context(), input); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
}
