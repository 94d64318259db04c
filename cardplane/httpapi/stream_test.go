package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// listen serves the fixture on a unix socket, whose buffers are small, until
// the test ends. The URL is for f.client.
func (f *fixture) listen() string {
	f.t.Helper()
	// t.TempDir is too long for a socket's path.
	dir, err := os.MkdirTemp("", "cp")
	if err != nil {
		f.t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		f.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(f.handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	f.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", listener.Addr().String())
	}}}
	f.t.Cleanup(func() {
		f.client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		_ = os.RemoveAll(dir)
	})
	return "http://cardplane"
}

// start creates and starts a container.
func (f *fixture) start(body string) string {
	f.t.Helper()
	id := f.create(body)
	if w := f.do("POST", "/v1/containers/"+id+"/start", ""); w.Code != 200 {
		f.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return id
}

// get begins a GET request of a path.
func (f *fixture) get(url string, header http.Header) *http.Response {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), "GET", url, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	resp, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// A followed log arrives record by record while the program still runs.
func TestLogsAreFlushed(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	id := f.start(`{"image":"test","stdin":true,"command":["sh","-c","echo one; read x; echo two >&2; exit 1"]}`)
	resp := f.get(url+"/v1/containers/"+id+"/logs?follow=true", nil)
	if got := resp.Header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("content type %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() cardapi.LogRecord {
		t.Helper()
		if !lines.Scan() {
			t.Fatal("no more lines")
		}
		var record cardapi.LogRecord
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		return record
	}
	if r := next(); r.Stream != cardapi.Stdout || string(r.Data) != "one\n" || r.Offset != 0 {
		t.Errorf("%+v", r)
	}
	session, err := f.services.Containers.Attach(t.Context(), id, cardplane.AttachOptions{Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	if _, err := io.WriteString(session, "\n"); err != nil {
		t.Fatal(err)
	}
	if r := next(); r.Stream != cardapi.Stderr || string(r.Data) != "two\n" {
		t.Errorf("%+v", r)
	}
	if lines.Scan() {
		t.Errorf("more: %s", lines.Text())
	}
}

// readEvent reads one server-sent event: its fields by name.
func readEvent(t *testing.T, r *bufio.Reader) map[string]string {
	t.Helper()
	fields := make(map[string]string)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case line == "\n" && len(fields) > 0:
			return fields
		case line != "\n":
			fields[name] = value
		}
	}
}

func TestEventStream(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	live := f.get(url+"/v1/events", nil)
	if got := live.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	id := f.create(`{"image":"test"}`)
	event := readEvent(t, bufio.NewReader(live.Body))
	var data cardapi.Event
	if err := json.Unmarshal([]byte(event["data"]), &data); err != nil {
		t.Fatal(err)
	}
	if event["id"] != "2" || event["event"] != "container.create" || data.Subject != id || data.Sequence != 2 {
		t.Errorf("%v", event)
	}
	// From the beginning, from a sequence number, and resumed by a client
	// that knows the last id.
	for target, first := range map[string]string{"?since=0&follow=false": "1", "?since=1": "2"} {
		if got := readEvent(t, bufio.NewReader(f.get(url+"/v1/events"+target, nil).Body))["id"]; got != first {
			t.Errorf("%s begins with %s", target, got)
		}
	}
	resumed := f.get(url+"/v1/events?since=0", http.Header{"Last-Event-Id": {"1"}})
	if got := readEvent(t, bufio.NewReader(resumed.Body))["id"]; got != "2" {
		t.Errorf("Last-Event-ID 1 begins with %s", got)
	}
	if body, err := io.ReadAll(f.get(url+"/v1/events?follow=false", nil).Body); err != nil || len(body) != 0 {
		t.Errorf("from now on and no further is %q, %v", body, err)
	}
	bad := f.get(url+"/v1/events", http.Header{"Last-Event-Id": {"9999999999999999999"}})
	if bad.StatusCode != 400 {
		t.Errorf("status %d", bad.StatusCode)
	}
}
