package server_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// dialPort connects to a port of a container.
func (c *client) dialPort(id string, port int) (*guestwire.Duplex, error) {
	c.t.Helper()
	conn, err := c.agent.Dial(c.t.Context(), guestwire.StreamPort)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	err = guestwire.WriteLine(conn, guestwire.StreamRequest{Epoch: c.epoch, Container: id, Stream: guestwire.Port, Port: port})
	if err == nil {
		_, err = guestwire.ReadReply(r)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	d := guestwire.NewDuplex(conn, r)
	c.t.Cleanup(func() { _ = d.Close() })
	return d, nil
}

// listen returns a listener of this machine, whose loopback is the container's.
func listen(t *testing.T) (l net.Listener, port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

func TestPortRefused(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	c.mustPut("gone", shell("true"))
	c.wait("gone")
	l, port := listen(t)
	_ = l.Close()
	for _, tc := range []struct {
		id   string
		port int
		code string
	}{
		{"c1", port, "connection_refused"},
		{"c1", 0, "bad_request"},
		{"c1", 65536, "bad_request"},
		{"gone", port, "container_not_running"},
		{"nope", port, "container_not_found"},
	} {
		if _, err := c.dialPort(tc.id, tc.port); !apierr.Is(err, tc.code) {
			t.Errorf("%s:%d: %v, want %s", tc.id, tc.port, err, tc.code)
		}
	}
}

func TestPortHalfClose(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	l, port := listen(t)
	d, err := c.dialPort("c1", port)
	if err != nil {
		t.Fatal(err)
	}
	program, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	if _, err := io.WriteString(d, "question"); err != nil {
		t.Fatal(err)
	}
	if err := d.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(program); err != nil || string(got) != "question" {
		t.Fatalf("%q, %v", got, err)
	}
	if _, err := io.WriteString(program, "answer"); err != nil {
		t.Fatal(err)
	}
	_ = program.Close()
	if got, err := io.ReadAll(d); err != nil || string(got) != "answer" {
		t.Fatalf("%q, %v", got, err)
	}
}

// A client that vanishes while the program reads nothing leaves nothing behind:
// the program's connection is reset, and its place is free for another.
func TestPortClientVanishes(t *testing.T) {
	c := start(t)
	c.mustPut("c1", shell("exec sleep 1000"))
	l, port := listen(t)
	const most = 256
	var clients []*guestwire.Duplex
	var programs []net.Conn
	for range most {
		d, err := c.dialPort("c1", port)
		if err != nil {
			t.Fatal(err)
		}
		program, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		clients, programs = append(clients, d), append(programs, program)
	}
	if _, err := c.dialPort("c1", port); !apierr.Is(err, "too_many") {
		t.Fatalf("one more: %v", err)
	}
	// Fill all there is between the client and the program, which never reads.
	stuck := make(chan error, 1)
	go func() {
		block := make([]byte, guestwire.Window)
		for {
			if _, err := clients[0].Write(block); err != nil {
				stuck <- err
				return
			}
		}
	}()
	for i, d := range clients {
		_ = d.Close()
		if _, err := io.Copy(io.Discard, programs[i]); err == nil {
			t.Errorf("connection %d ended as if it were whole", i)
		}
		_ = programs[i].Close()
	}
	<-stuck
	d, err := c.dialPort("c1", port)
	for apierr.Is(err, "too_many") { // the agent is a moment behind
		d, err = c.dialPort("c1", port)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = d.Close()
}
