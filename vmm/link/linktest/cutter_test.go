package linktest_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a cutter before a server that sends back what it gets.
func echo(t *testing.T) *linktest.Cutter {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	c, err := linktest.New(filepath.Join(dir, "w"), linktest.Unix(filepath.Join(dir, "s")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_ = l.Close()
		work.Wait()
	})
	return c
}

func dial(t *testing.T, c *linktest.Cutter) *net.UnixConn {
	t.Helper()
	conn, err := net.Dial("unix", c.Endpoint()[len("unix://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UnixConn)
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("%q, %v; want %q", got, err, want)
	}
}

func TestRelaysAndCounts(t *testing.T) {
	c := echo(t)
	conn := dial(t, c)
	send(t, conn, "hello")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if to, from := c.Bytes(linktest.ToHost), c.Bytes(linktest.ToCard); to != 5 || from != 5 {
		t.Errorf("%d bytes to the host, %d back", to, from)
	}
}

func TestCut(t *testing.T) {
	c := echo(t)
	conn := dial(t, c)
	send(t, conn, "a")
	receive(t, conn, "a")
	c.Cut()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
	conn = dial(t, c)
	send(t, conn, "b")
	receive(t, conn, "b")
}

func TestDownAndUp(t *testing.T) {
	c := echo(t)
	conn := dial(t, c)
	c.Down()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
	if _, err := net.Dial("unix", c.Endpoint()[len("unix://"):]); err == nil {
		t.Error("a connection was accepted")
	}
	if err := c.Up(); err != nil {
		t.Fatal(err)
	}
	conn = dial(t, c)
	send(t, conn, "b")
	receive(t, conn, "b")
}

// Not one byte more than asked for gets through.
func TestDownAfter(t *testing.T) {
	c := echo(t)
	cut := c.DownAfter(linktest.ToCard, 3)
	conn := dial(t, c)
	send(t, conn, "abcdef")
	got, _ := io.ReadAll(conn)
	if string(got) != "abc" {
		t.Errorf("%q came through", got)
	}
	<-cut
}

func TestStall(t *testing.T) {
	c := echo(t)
	conn := dial(t, c)
	c.Stall()
	send(t, conn, "a")
	late := dial(t, c)
	send(t, late, "b")
	if n := c.Bytes(linktest.ToHost); n != 0 {
		t.Errorf("%d bytes came through", n)
	}
	c.Resume()
	receive(t, conn, "a")
	receive(t, late, "b")
	c.Stall()
	send(t, conn, "c")
	if err := late.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := late.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an end came through: %v", err)
	}
	c.Cut() // what is held up is let go too
}
