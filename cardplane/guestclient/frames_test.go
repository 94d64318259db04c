package guestclient_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// someFrames gives frames, and keeps those that the guest has sent.
type someFrames struct {
	give chan [][]byte

	mu  sync.Mutex
	got [][]byte
}

func (f *someFrames) Deliver(frame []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got = append(f.got, slices.Clone(frame))
}

func (f *someFrames) Take(ctx context.Context) ([][]byte, error) {
	select {
	case list := <-f.give:
		return list, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// The frames of an interface pass both ways, between a guest and its client.
func TestFrames(t *testing.T) {
	agent := agenttest.Start(t)
	client := guestclient.New(agent.Dial, 1)
	defer client.Close()
	config := guestapi.Network{Interfaces: []guestapi.Interface{{
		Name: "eth0", Mac: "02:63:0a:09:00:02", Mtu: 1500, Addresses: []string{}, Routes: []guestapi.Route{}, Frames: guestapi.FramesOverStream,
	}}}
	if err := client.ServeFrames(testContext(t), "eth0", func() {}, &someFrames{}); !apierr.Is(err, "stream_not_found") {
		t.Errorf("before it was told: %v", err)
	}
	if err := client.PutNetwork(testContext(t), config); err != nil {
		t.Fatal(err)
	}
	frames := &someFrames{give: make(chan [][]byte, 1)}
	frames.give <- [][]byte{[]byte("one"), bytes.Repeat([]byte("two"), 500), []byte("three")}
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- client.ServeFrames(ctx, "eth0", func() {}, frames) }()
	tap := agent.Tap("eth0")
	for _, want := range []int{3, 1500, 5} {
		if got := tap.Receive(ctx); len(got) != want {
			t.Errorf("%d bytes, want %d", len(got), want)
		}
	}
	tap.Send([]byte("four"))
	for done := false; !done; {
		frames.mu.Lock()
		done = len(frames.got) == 1 && string(frames.got[0]) == "four"
		frames.mu.Unlock()
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("no error at the end")
	}
}

// sendsFrames reads a request for frames, answers it and sends raw.
func sendsFrames(raw []byte) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := guestwire.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		_, _ = conn.Write(append([]byte("{}\n"), raw...))
	}
}

func TestHostileFrames(t *testing.T) {
	for name, raw := range map[string][]byte{
		"end":     guestwire.EndFrame(),
		"lost":    guestwire.LostFrame(1),
		"garbage": []byte("HTTP/1.1 200 OK\r\n\r\n"),
	} {
		err := hostile(t, sendsFrames(raw)).ServeFrames(testContext(t), "eth0", func() {}, &someFrames{})
		if !errors.Is(err, guestclient.ErrProtocol) && !errors.Is(err, guestwire.ErrBadFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a guest sends as frames, what is delivered is bounded.
func FuzzFrames(f *testing.F) {
	f.Add(dataFrame(60))
	f.Add(append(dataFrame(1514), guestwire.EndFrame()...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		frames := &someFrames{}
		if err := hostile(t, sendsFrames(raw)).ServeFrames(t.Context(), "eth0", func() {}, frames); err == nil {
			t.Error("no error at the end")
		}
		total := 0
		for _, frame := range frames.got {
			total += len(frame)
			if len(frame) > guestwire.MaxPayloadSize {
				t.Errorf("a frame of %d bytes", len(frame))
			}
		}
		if total > len(raw) {
			t.Errorf("%d bytes of %d", total, len(raw))
		}
	})
}
