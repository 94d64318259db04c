package guestclient_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// names reads a request for names, answers it and sends raw.
func names(raw []byte) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := guestwire.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = conn.Write(append([]byte("{}\n"), raw...))
	}
}

func dataFrame(n int) []byte {
	b := make([]byte, guestwire.FrameHeaderSize+n)
	guestwire.PutDataHeader(b, n)
	return b
}

func TestHostileNames(t *testing.T) {
	for name, raw := range map[string][]byte{
		"short":   dataFrame(4),
		"long":    dataFrame(5000),
		"end":     guestwire.EndFrame(),
		"lost":    guestwire.LostFrame(1),
		"garbage": []byte("HTTP/1.1 200 OK\r\n\r\n"),
	} {
		err := hostile(t, names(raw)).ServeNames(testContext(t), func() {}, func(context.Context, []byte) []byte {
			t.Errorf("%s: it was taken for a query", name)
			return nil
		})
		if !errors.Is(err, guestclient.ErrProtocol) && !errors.Is(err, guestwire.ErrBadFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A guest that asks more than is answered at a time waits.
func TestManyNames(t *testing.T) {
	const asked, atOnce = 200, 64
	var now, most atomic.Int64
	client := hostile(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := guestwire.ReadRequest(in); err != nil {
			return
		}
		_, _ = conn.Write([]byte("{}\n"))
		go func() {
			for range asked {
				if _, err := conn.Write(dataFrame(12)); err != nil {
					return
				}
			}
		}()
		frames := guestwire.NewFrameReader(in)
		for range asked {
			if _, err := frames.Next(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	_ = client.ServeNames(testContext(t), func() {}, func(_ context.Context, query []byte) []byte {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(time.Millisecond)
		return slices.Clone(query)
	})
	if most.Load() > atOnce {
		t.Errorf("%d at a time", most.Load())
	}
}

// Whatever a guest sends on its stream for names, what is answered is bounded.
func FuzzNames(f *testing.F) {
	f.Add(dataFrame(12))
	f.Add(append(dataFrame(40), guestwire.EndFrame()...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := hostile(t, names(raw)).ServeNames(t.Context(), func() {}, func(_ context.Context, query []byte) []byte {
			if len(query) < 12 || len(query) > 4096 {
				t.Errorf("a query of %d bytes", len(query))
			}
			return nil
		})
		if err == nil {
			t.Error("no error at the end")
		}
	})
}
