package httpapi

import (
	"bufio"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/sirupsen/logrus/hooks/test"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// quickServer is an API with hasty heartbeats.
func quickServer(t *testing.T) (*cardplanetest.Memory, *httptest.Server) {
	t.Helper()
	m := cardplanetest.NewMemory()
	t.Cleanup(m.Close)
	log, _ := test.NewNullLogger()
	s := &server{
		Services: Services{Containers: m.Containers(), Images: m.Images(), Volumes: m.Volumes(), Networks: m.Networks(), Configs: m.Configs(), Secrets: m.Secrets(), Sandboxes: m.Sandboxes(), Events: m.Events(), System: m.System()},
		// A ping that cannot be written for as long as ping ends its connection.
		log: log, heartbeat: time.Millisecond, ping: 50 * time.Millisecond, limits: defaultLimits,
	}
	web := httptest.NewServer(s.handler())
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return m, web
}

// A silent event stream shows that it lives.
func TestEventHeartbeat(t *testing.T) {
	_, web := quickServer(t)
	resp, err := web.Client().Get(web.URL + "/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for range 3 {
		if !lines.Scan() || lines.Text() != ": heartbeat" || !lines.Scan() || lines.Text() != "" {
			t.Fatalf("%q", lines.Text())
		}
	}
}

// The server sends pings, and an attachment outlives that nobody answers.
func TestPing(t *testing.T) {
	m, web := quickServer(t)
	archive := cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")
	images, err := m.Images().Load(t.Context(), strings.NewReader(string(archive)), cardplane.LoadOptions{})
	if err != nil || len(images) != 1 {
		t.Fatal(err)
	}
	c, err := m.Containers().Create(t.Context(), cardplane.ContainerSpec{Image: "test", Command: []string{"cat"}, Stdin: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	pings := make(chan struct{}, 100)
	conn, _, err := websocket.Dial(t.Context(), web.URL+"/v1/containers/"+c.ID+"/attach?stdin=true&replay=true", &websocket.DialOptions{
		Subprotocols: []string{cardwire.Subprotocol},
		OnPingReceived: func(ctx context.Context, _ []byte) bool {
			select {
			case pings <- struct{}{}:
			default:
			}
			return false
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	done := make(chan string, 1)
	go func() {
		var got string
		for {
			_, message, err := conn.Read(t.Context())
			if err != nil {
				done <- got
				return
			}
			got += string(message)
		}
	}()
	for range 5 {
		select {
		case <-pings:
		case got := <-done:
			t.Fatalf("the connection has ended: %q", got)
		}
	}
	if _, err := m.Containers().Start(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"\x00still here", "\x05"} {
		if err := conn.Write(t.Context(), websocket.MessageBinary, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-done; got != "\x01still here\x03{\"exitCode\":0}" {
		t.Errorf("%q", got)
	}
}
