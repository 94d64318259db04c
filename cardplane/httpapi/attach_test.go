package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// dial attaches as a foreign client would.
func (f *fixture) dial(url string) *websocket.Conn {
	f.t.Helper()
	conn, _, err := websocket.Dial(f.t.Context(), url, &websocket.DialOptions{HTTPClient: f.client, Subprotocols: []string{cardwire.Subprotocol}})
	if err != nil {
		f.t.Fatal(err)
	}
	conn.SetReadLimit(cardwire.MaxMessage)
	f.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func send(t *testing.T, conn *websocket.Conn, channel cardwire.Channel, payload string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageBinary, cardwire.Append(nil, channel, []byte(payload))); err != nil {
		t.Fatal(err)
	}
}

// receive reads until the connection is closed: the payloads by channel, and
// how it was closed.
func receive(t *testing.T, conn *websocket.Conn) (map[cardwire.Channel]string, websocket.StatusCode) {
	t.Helper()
	got := make(map[cardwire.Channel]string)
	for {
		_, message, err := conn.Read(t.Context())
		if err != nil {
			return got, websocket.CloseStatus(err)
		}
		channel, payload, err := cardwire.FromServer(message)
		if err != nil {
			t.Fatal(err)
		}
		got[channel] += string(payload)
	}
}

func TestStreamFraming(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	id := f.start(`{"image":"test","stdin":true,"tty":true,"command":["sh","-c","read x; stty size; cat; exit 3"]}`)
	conn := f.dial(url + "/v1/containers/" + id + "/attach?stdin=true&replay=true")
	send(t, conn, cardwire.Resize, `{"rows":7,"cols":9}`)
	send(t, conn, cardwire.Stdin, "\nhel")
	send(t, conn, cardwire.Stdin, "lo")
	send(t, conn, cardwire.StdinEnd, "")
	got, code := receive(t, conn)
	if got[cardwire.Stdout] != "7 9\nhello" || got[cardwire.Status] != `{"exitCode":3}` || code != websocket.StatusNormalClosure {
		t.Errorf("%v, closed with %d", got, code)
	}
}

// What breaks the framing closes the connection and not the program.
func TestFramingViolations(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	id := f.start(`{"image":"test","stdin":true,"command":["cat"]}`)
	for name, tc := range map[string]struct {
		query   string
		kind    websocket.MessageType
		message string
		code    websocket.StatusCode
	}{
		"empty":            {"?stdin=true", websocket.MessageBinary, "", websocket.StatusProtocolError},
		"unknown channel":  {"?stdin=true", websocket.MessageBinary, "\x09x", websocket.StatusProtocolError},
		"output":           {"?stdin=true", websocket.MessageBinary, "\x01x", websocket.StatusProtocolError},
		"bad resize":       {"?stdin=true", websocket.MessageBinary, "\x04{}", websocket.StatusProtocolError},
		"text":             {"?stdin=true", websocket.MessageText, "\x00x", websocket.StatusUnsupportedData},
		"too long":         {"?stdin=true", websocket.MessageBinary, strings.Repeat("\x00", cardwire.MaxMessage+1), websocket.StatusMessageTooBig},
		"stdin not taken":  {"", websocket.MessageBinary, "\x00x", websocket.StatusPolicyViolation},
		"end of not taken": {"", websocket.MessageBinary, "\x05", websocket.StatusPolicyViolation},
	} {
		t.Run(name, func(t *testing.T) {
			conn := f.dial(url + "/v1/containers/" + id + "/attach" + tc.query)
			if err := conn.Write(t.Context(), tc.kind, []byte(tc.message)); err != nil {
				t.Fatal(err)
			}
			if _, code := receive(t, conn); code != tc.code {
				t.Errorf("closed with %d, want %d", code, tc.code)
			}
		})
	}
	if w := f.do("GET", "/v1/containers/"+id, ""); !strings.Contains(w.Body.String(), `"state":"running"`) {
		t.Errorf("%s", w.Body)
	}
}

func TestHandshake(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	id := f.start(`{"image":"test","command":["sleep","1000"]}`)
	for name, tc := range map[string]struct {
		path, subprotocol, origin, code string
	}{
		"no subprotocol":      {"/v1/containers/" + id + "/attach", "", "", "unsupported_subprotocol"},
		"other subprotocol":   {"/v1/containers/" + id + "/attach", "chat", "", "unsupported_subprotocol"},
		"foreign origin":      {"/v1/containers/" + id + "/attach", cardwire.Subprotocol, "https://evil.example", "foreign_origin"},
		"unknown container":   {"/v1/containers/nope/attach", cardwire.Subprotocol, "", "container_not_found"},
		"unknown exec":        {"/v1/containers/" + id + "/execs/nope/attach", cardwire.Subprotocol, "", "exec_not_found"},
		"malformed parameter": {"/v1/containers/" + id + "/attach?replay=1", cardwire.Subprotocol, "", "invalid_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := &websocket.DialOptions{HTTPClient: f.client, HTTPHeader: http.Header{}}
			if tc.subprotocol != "" {
				opts.Subprotocols = []string{tc.subprotocol}
			}
			if tc.origin != "" {
				opts.HTTPHeader.Set("Origin", tc.origin)
			}
			conn, resp, err := websocket.Dial(t.Context(), url+tc.path, opts)
			if err == nil {
				_ = conn.CloseNow()
				t.Fatal("it was accepted")
			}
			if got := apierr.ReadResponse(resp); got.Code != tc.code {
				t.Errorf("%s: %v", got.Code, got)
			}
		})
	}
}

// A client that does not read holds up neither other clients nor the API.
func TestSlowClient(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	const size = 2 << 20
	f.AddProgram("flood", cardplanetest.Program{Run: func(p *cardplanetest.Process) int {
		block := []byte(strings.Repeat("x", 64<<10))
		for range size / len(block) {
			_, _ = p.Stdout.Write(block)
		}
		return 0
	}})
	id := f.create(`{"image":"test","command":["flood"]}`)
	slow := f.dial(url + "/v1/containers/" + id + "/attach?replay=true")
	slowLogs := f.get(url+"/v1/containers/"+id+"/logs?follow=true", nil)
	quick := f.dial(url + "/v1/containers/" + id + "/attach?replay=true")
	if w := f.do("POST", "/v1/containers/"+id+"/start", ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	got, _ := receive(t, quick)
	if len(got[cardwire.Stdout]) != size || got[cardwire.Status] != `{"exitCode":0}` {
		t.Errorf("%d bytes, status %s", len(got[cardwire.Stdout]), got[cardwire.Status])
	}
	if w := f.do("GET", "/v1/containers/"+id, ""); !strings.Contains(w.Body.String(), `"state":"exited"`) {
		t.Errorf("%s", w.Body)
	}
	// Late, but whole.
	got, _ = receive(t, slow)
	if len(got[cardwire.Stdout]) != size {
		t.Errorf("%d bytes", len(got[cardwire.Stdout]))
	}
	if n, err := io.Copy(io.Discard, slowLogs.Body); err != nil || n < size {
		t.Errorf("%d bytes of log, %v", n, err)
	}
}

// A client that vanishes leaves nothing behind; TestMain looks for leaks.
func TestVanishingClient(t *testing.T) {
	f := newFixture(t)
	url := f.listen()
	id := f.start(`{"image":"test","stdin":true,"command":["sleep","1000"]}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn := f.dial(url + "/v1/containers/" + id + "/attach?stdin=true")
	// The program does not read, so this blocks in the end.
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		for conn.Write(ctx, websocket.MessageBinary, make([]byte, cardwire.MaxMessage)) == nil {
		}
	}()
	f.get(url+"/v1/events", nil)
	cancel()
	<-blocked
	_ = conn.CloseNow()
}
