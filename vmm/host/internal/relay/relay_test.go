package relay_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/vmm/host/internal/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a connection over network.
func pair(t *testing.T, network string) (client, server relay.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); _ = s.Close() })
	return c.(relay.Conn), s.(relay.Conn)
}

// joined returns two outer ends with a relay between them, and its result.
func joined(t *testing.T, left, right string, ctx context.Context) (a, b relay.Conn, result <-chan error) {
	t.Helper()
	a, innerA := pair(t, left)
	b, innerB := pair(t, right)
	r := &relay.Relay{}
	done := make(chan error, 1)
	go func() {
		done <- r.Run(ctx, innerA, innerB)
		r.Close()
	}()
	return a, b, done
}

var networks = []struct{ left, right string }{
	{"unix", "unix"}, {"tcp", "unix"}, {"unix", "tcp"}, {"tcp", "tcp"},
}

// Megabytes must arrive whole both ways at once, and each direction's end by
// itself.
func TestBytesAndHalfClose(t *testing.T) {
	for _, n := range networks {
		t.Run(n.left+"-"+n.right, func(t *testing.T) {
			a, b, result := joined(t, n.left, n.right, context.Background())
			var sides sync.WaitGroup
			sides.Go(func() { exchange(t, a, b) })
			sides.Go(func() { exchange(t, b, a) })
			sides.Wait()
			if err := <-result; err != nil {
				t.Fatalf("relay: %v", err)
			}
		})
	}
}

func exchange(t *testing.T, from, to relay.Conn) {
	data := make([]byte, 4<<20+13)
	_, _ = rand.Read(data)
	var sides sync.WaitGroup
	sides.Go(func() {
		if _, err := from.Write(data); err != nil {
			t.Errorf("write: %v", err)
		}
		if err := from.CloseWrite(); err != nil {
			t.Errorf("close write: %v", err)
		}
	})
	got, err := io.ReadAll(to)
	if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
		t.Errorf("read %d of %d bytes: %v", len(got), len(data), err)
	}
	sides.Wait()
}

// After one side has ended its direction, the other must still get through.
func TestAnswerAfterHalfClose(t *testing.T) {
	for _, n := range networks {
		t.Run(n.left+"-"+n.right, func(t *testing.T) {
			a, b, result := joined(t, n.left, n.right, context.Background())
			if err := a.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(b); err != nil || len(rest) != 0 {
				t.Fatalf("b read %q, %v", rest, err)
			}
			if _, err := b.Write([]byte("answer")); err != nil {
				t.Fatal(err)
			}
			if err := b.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(a); err != nil || !bytes.Equal(got, []byte("answer")) {
				t.Fatalf("a read %q, %v", got, err)
			}
			if err := <-result; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A side that goes away while the other sends must end the relay.
func TestBrokenSide(t *testing.T) {
	for _, n := range networks {
		t.Run(n.left+"-"+n.right, func(t *testing.T) {
			a, b, result := joined(t, n.left, n.right, context.Background())
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			for {
				if _, err := a.Write(make([]byte, 4096)); err != nil {
					break
				}
			}
			if err := <-result; err == nil {
				t.Fatal("the relay saw no failure")
			}
		})
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	a, _, result := joined(t, "unix", "unix", ctx)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Fatalf("relay: %v", err)
	}
	if n, err := a.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Fatalf("read %d, %v", n, err)
	}
}

// hidden hides the sockets' descriptors, as TLS does.
type hidden struct{ relay.Conn }

func TestWithoutDescriptors(t *testing.T) {
	a, innerA := pair(t, "unix")
	b, innerB := pair(t, "unix")
	result := make(chan error, 1)
	go func() { result <- new(relay.Relay).Run(context.Background(), hidden{innerA}, hidden{innerB}) }()
	var sides sync.WaitGroup
	sides.Go(func() { exchange(t, a, b) })
	sides.Go(func() { exchange(t, b, a) })
	sides.Wait()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// An idle relay must hold no descriptors but its two sockets.
func TestIdleHoldsNoPipe(t *testing.T) {
	a, b, result := joined(t, "unix", "unix", context.Background())
	if _, err := a.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	before := countFDs(t)
	for range 100 {
		if _, err := a.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if after := countFDs(t); after > before+2 { // one pipe may be taken just now
		t.Fatalf("%d descriptors, then %d", before, after)
	}
	_ = a.Close()
	_ = b.Close()
	<-result
}

func countFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
