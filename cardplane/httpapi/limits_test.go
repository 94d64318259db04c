package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/openapi"
)

// strict are limits that a test reaches.
var strict = limits{
	brief: 1, lasting: 2,
	body: 20 * time.Millisecond, uploadIdle: 20 * time.Millisecond, uploadRate: 1 << 30,
	stall: 50 * time.Millisecond,
}

// strictServer is an API with strict limits and one container, c, that runs
// the program "endless".
func strictServer(t *testing.T, change func(*Services)) *httptest.Server {
	t.Helper()
	m := cardplanetest.NewMemory()
	t.Cleanup(m.Close)
	m.AddProgram("endless", cardplanetest.Program{Run: func(p *cardplanetest.Process) int {
		for p.Context().Err() == nil {
			_, _ = p.Stdout.Write(make([]byte, 64<<10))
			time.Sleep(time.Millisecond) // the journal is in memory
		}
		return 0
	}})
	archive := cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")
	if _, err := m.Images().Load(t.Context(), strings.NewReader(string(archive)), cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Containers().Create(t.Context(), cardplane.ContainerSpec{Image: "test", Name: "c", Command: []string{"endless"}}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Containers().Start(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	s := &server{
		Services: Services{Containers: m.Containers(), Images: m.Images(), Events: m.Events(), System: m.System()},
		log:      log, heartbeat: heartbeatPeriod, ping: pingPeriod, limits: strict,
	}
	if change != nil {
		change(&s.Services)
	}
	web := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web
}

// dial sends text to web and leaves it at that.
func dial(t *testing.T, web *httptest.Server, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A client that sends no body, or only some of it, is answered and let go.
func TestSlowBodies(t *testing.T) {
	web := strictServer(t, nil)
	const head = " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: "
	for request, want := range map[string]int{
		"POST /v1/containers" + head + "application/json\r\n\r\n{":              http.StatusRequestTimeout,
		"POST /v1/containers?x=1" + head + "application/json\r\n\r\n":           http.StatusRequestTimeout,
		"GET /v1/version" + head + "text/plain\r\n\r\n":                         http.StatusBadRequest,
		"GET /v1/containers/c/logs?follow=true" + head + "text/plain\r\n\r\n":   http.StatusBadRequest,
		"POST /v1/images/load?x=1" + head + "application/octet-stream\r\n\r\nx": http.StatusBadRequest,
		"POST /v1/images/load" + head + "application/octet-stream\r\n\r\nx":     http.StatusBadRequest,
	} {
		name, _, _ := strings.Cut(request, " HTTP")
		t.Run(name, func(t *testing.T) {
			rest := runtime.NumGoroutine()
			conn := dial(t, web, request)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != want {
				t.Errorf("%d %s %v", resp.StatusCode, body, err)
			}
			settle(t, rest)
		})
	}
}

// settle waits until no goroutine is left of what a client has begun, although
// its connection is still there.
func settle(t *testing.T, rest int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > rest; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d at rest\n%s", runtime.NumGoroutine(), rest, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// A client that takes nothing of a stream is cut off.
func TestStalledReaders(t *testing.T) {
	for name, request := range map[string]string{
		"logs": "GET /v1/containers/c/logs?follow=true HTTP/1.1\r\nHost: x\r\n\r\n",
		"attach": "GET /v1/containers/c/attach HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: cardplane.stream.v1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			web := strictServer(t, nil)
			rest := runtime.NumGoroutine()
			conn := dial(t, web, request)
			// The stream is open once its head is there.
			if _, err := io.ReadFull(conn, make([]byte, len("HTTP/1.1 ")+3)); err != nil {
				t.Fatal(err)
			}
			settle(t, rest)
		})
	}
}

// held is a container service whose Get and Wait last until they are let go.
type held struct {
	cardplane.ContainerService
	begun, end chan struct{}
}

func (h held) Get(ctx context.Context, ref string) (cardplane.Container, error) {
	h.begun <- struct{}{}
	<-h.end
	return h.ContainerService.Get(ctx, ref)
}

func (h held) Wait(ctx context.Context, ref string, _ cardplane.WaitCondition) (cardplane.Container, error) {
	return h.Get(ctx, ref)
}

// What is too much at once is refused, and streams do not keep a short request
// out.
func TestTooManyRequests(t *testing.T) {
	h := held{begun: make(chan struct{}), end: make(chan struct{})}
	web := strictServer(t, func(s *Services) {
		h.ContainerService = s.Containers
		s.Containers = h
	})
	get := func(path string) *http.Response {
		resp, err := http.Get(web.URL + path)
		if err != nil {
			t.Error(err)
			return nil
		}
		_ = resp.Body.Close()
		return resp
	}
	statuses := make(chan int)
	hold := func(path string) {
		go func() { statuses <- get(path).StatusCode }()
		<-h.begun
	}
	refused := func(path string) {
		t.Helper()
		if resp := get(path); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != fmt.Sprint(retryAfter) {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	hold("/v1/containers/c/wait")
	hold("/v1/containers/c/wait")
	refused("/v1/containers/c/wait")
	refused("/v1/events")
	if resp := get("/v1/version"); resp.StatusCode != http.StatusOK {
		t.Errorf("version: %d", resp.StatusCode)
	}
	hold("/v1/containers/c")
	refused("/v1/version")
	close(h.end)
	for range 3 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("%d", status)
		}
	}
	if resp := get("/v1/version"); resp.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

// The document's example says what the server does.
func TestTooManyRequestsExample(t *testing.T) {
	brief := make(slots, defaultLimits.brief)
	for range cap(brief) {
		if _, err := brief.take(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := brief.take(); !strings.Contains(string(openapi.Cardplane), err.Error()) {
		t.Errorf("the document has no example %q", err)
	}
}

// lastingOperations are those that are not brief, and why.
var lastingOperations = map[string]string{
	"loadImages":        "takes an upload",
	"pullImage":         "waits for a registry",
	"saveImages":        "gives what may be gigabytes",
	"pruneImages":       "removes any number of them",
	"createVolume":      "may copy another",
	"exportVolume":      "waits for a machine, and gives what may be gigabytes",
	"importVolume":      "takes an upload",
	"pruneVolumes":      "removes any number of them",
	"pruneNetworks":     "removes any number of them",
	"pruneConfigs":      "removes any number of them",
	"pruneSecrets":      "removes any number of them",
	"pruneContainers":   "removes any number of them",
	"pruneSandboxes":    "removes any number of them",
	"deleteSandbox":     "waits for the end of its containers",
	"startContainer":    "waits for a machine",
	"stopContainer":     "waits for the grace period",
	"restartContainer":  "waits for both",
	"waitContainer":     "waits for as long as the request says",
	"getLogs":           "may follow",
	"getStats":          "may follow",
	"getEvents":         "may follow",
	"createExec":        "waits for a program to be started",
	"copyFromContainer": "gives what may be gigabytes",
	"copyToContainer":   "takes an upload",
	"attachContainer":   "a WebSocket",
	"attachExec":        "a WebSocket",
	"connectPort":       "a WebSocket",
}

// Every operation of the document is either brief or has a reason not to be.
func TestBriefOperations(t *testing.T) {
	document, err := publicDocument()
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, o := range document.Operations() {
		known[o.ID] = true
		if _, lasting := lastingOperations[o.ID]; briefOperations[o.ID] == lasting {
			t.Errorf("%s must be in one of briefOperations and lastingOperations", o.ID)
		}
	}
	for id := range briefOperations {
		if !known[id] {
			t.Errorf("briefOperations: the document has no operation %s", id)
		}
	}
	for id := range lastingOperations {
		if !known[id] {
			t.Errorf("lastingOperations: the document has no operation %s", id)
		}
	}
}
