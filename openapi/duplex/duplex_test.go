package duplex_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/duplex"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connected returns both sides of a TCP connection.
func connected(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialled.Close(), accepted.Close() })
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// joined returns the outer sides of two connections whose inner sides are
// joined, and what Join returns.
func joined(t *testing.T) (client, server *net.TCPConn, result <-chan error) {
	t.Helper()
	client, a := connected(t)
	server, b := connected(t)
	done := make(chan error, 1)
	go func() { done <- duplex.Join(duplex.OverTCP(a), duplex.OverTCP(b)) }()
	return client, server, done
}

// The end of one direction leaves the other.
func TestJoinKeepsHalfClose(t *testing.T) {
	client, server, result := joined(t)
	question := bytes.Repeat([]byte("question"), 100_000)
	go func() {
		_, _ = client.Write(question)
		_ = client.CloseWrite()
	}()
	if got, err := io.ReadAll(server); err != nil || !bytes.Equal(got, question) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if _, err := io.WriteString(server, "answer"); err != nil {
		t.Fatal(err)
	}
	_ = server.Close()
	if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// A reset of one side resets the other.
func TestJoinPassesResetsOn(t *testing.T) {
	client, server, result := joined(t)
	_ = server.SetLinger(0)
	_ = server.Close()
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v", err)
	}
	if err := <-result; err == nil {
		t.Error("counts as whole")
	}
}

// breakable is a Conn that blocks until it is closed.
type breakable struct {
	broken, closed chan struct{}
}

func (b *breakable) Read([]byte) (int, error)    { <-b.closed; return 0, net.ErrClosed }
func (b *breakable) Write(p []byte) (int, error) { <-b.closed; return 0, net.ErrClosed }
func (b *breakable) CloseWrite() error           { return nil }
func (b *breakable) Broken() <-chan struct{}     { return b.broken }
func (b *breakable) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// A side that is known to be broken ends a Join although both are silent.
func TestJoinEndsWhenBroken(t *testing.T) {
	outer, inner := connected(t)
	b := &breakable{broken: make(chan struct{}), closed: make(chan struct{})}
	result := make(chan error, 1)
	go func() { result <- duplex.Join(duplex.OverTCP(inner), b) }()
	close(b.broken)
	if err := <-result; err == nil {
		t.Error("counts as whole")
	}
	if _, err := outer.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side sees %v", err)
	}
}

func TestDialLoopback(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("this machine has no %s: %v", address, err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		conn, err := duplex.DialLoopback(t.Context(), port)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		_, _ = conn.Close(), l.Close()
		if _, err := duplex.DialLoopback(t.Context(), port); !apierr.Is(err, "connection_refused") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: nobody listens: %v", address, err)
		}
	}
}
