package httpapi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// listener is a program in every container, as Memory has it.
func listener(t *testing.T) (l net.Listener, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

// upgrade is the request of a client that asks for a port.
func upgrade(port int) string {
	return fmt.Sprintf("GET /v1/containers/c/ports/%d/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", port, cardwire.PortSubprotocol)
}

// dialPort connects as a foreign client would.
func dialPort(t *testing.T, web string, port any, subprotocol string) (*websocket.Conn, error) {
	t.Helper()
	url := fmt.Sprintf("%s/v1/containers/c/ports/%v/connect", web, port)
	conn, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		return nil, apierr.ReadResponse(resp)
	}
	conn.SetReadLimit(cardwire.MaxPayload)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, nil
}

// Messages are bytes, an empty one ends its direction, and the server closes
// once both have ended.
func TestPortFraming(t *testing.T) {
	web := strictServer(t, nil)
	l, port := listener(t)
	conn, err := dialPort(t, web.URL, port, cardwire.PortSubprotocol)
	if err != nil {
		t.Fatal(err)
	}
	program, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"ques", "tion", ""} {
		if err := conn.Write(t.Context(), websocket.MessageBinary, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := io.ReadAll(program); err != nil || string(got) != "question" {
		t.Fatalf("the program got %q, %v", got, err)
	}
	sent := bytes.Repeat([]byte("answer"), 50_000)
	go func() {
		_, _ = program.Write(sent)
		_ = program.Close()
	}()
	var got []byte
	for {
		kind, message, err := conn.Read(t.Context())
		if err != nil || kind != websocket.MessageBinary {
			t.Fatal(kind, err)
		}
		if len(message) == 0 {
			break
		}
		got = append(got, message...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes, want %d", len(got), len(sent))
	}
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("after both ends: %v", err)
	}
}

// What cannot be connected is told before the connection is handed over.
func TestPortHandshake(t *testing.T) {
	web := strictServer(t, nil)
	l, port := listener(t)
	_ = l.Close()
	for _, tc := range []struct {
		port              any
		subprotocol, code string
	}{
		{port, cardwire.PortSubprotocol, "connection_refused"},
		{port, cardwire.Subprotocol, "unsupported_subprotocol"},
		{0, cardwire.PortSubprotocol, "invalid_parameter"},
		{65536, cardwire.PortSubprotocol, "invalid_parameter"},
		{"http", cardwire.PortSubprotocol, "invalid_parameter"},
	} {
		if _, err := dialPort(t, web.URL, tc.port, tc.subprotocol); !apierr.Is(err, tc.code) {
			t.Errorf("port %v: %v (%s), want %s", tc.port, err, apierr.From(err).Code, tc.code)
		}
	}
}

// A client that reads nothing is cut off, and one that vanishes while nothing
// of it is read is noticed. Neither leaves a goroutine.
func TestPortClientsThatStandStill(t *testing.T) {
	t.Run("never reads", func(t *testing.T) {
		web := strictServer(t, nil)
		l, port := listener(t)
		rest := runtime.NumGoroutine()
		open(t, dial(t, web, upgrade(port)))
		program, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = program.Write(make([]byte, 64<<10))
		}
		_ = program.Close()
		settle(t, rest)
	})
	t.Run("vanishes", func(t *testing.T) {
		m, web := quickServer(t)
		running(t, m)
		l, port := listener(t)
		rest := runtime.NumGoroutine()
		conn := dial(t, web, upgrade(port))
		open(t, conn)
		program, err := l.Accept() // it never reads
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = program.Close() }()
		stuck := make(chan struct{})
		go func() {
			defer close(stuck)
			message := append([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0}, make([]byte, 32<<10)...)
			for err == nil {
				_, err = conn.Write(message)
			}
		}()
		// The program's end of the connection fills up in a moment.
		if _, err := io.ReadFull(program, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		<-stuck
		settle(t, rest)
	})
}

// open waits until the WebSocket is there.
func open(t *testing.T, conn net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
}

// running gives m a container c that runs.
func running(t *testing.T, m *cardplanetest.Memory) {
	t.Helper()
	archive := cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")
	if _, err := m.Images().Load(t.Context(), strings.NewReader(string(archive)), cardplane.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Containers().Create(t.Context(), cardplane.ContainerSpec{Image: "test", Name: "c", Command: []string{"sleep", "1000"}}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Containers().Start(t.Context(), "c"); err != nil {
		t.Fatal(err)
	}
}
