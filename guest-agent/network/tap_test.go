package network_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// fakeLinks has taps whose frames are in channels.
type fakeLinks struct{ tap *fakeTap }

func (l *fakeLinks) Apply(context.Context, []guestapi.Interface) error { return nil }

func (l *fakeLinks) Divert(_, _ netip.AddrPort) (network.Diversion, error) { return noDiversion{}, nil }

// noDiversion diverts nothing.
type noDiversion struct{}

func (noDiversion) Start() error { return nil }
func (noDiversion) Close() error { return nil }

func (l *fakeLinks) Tap(net.HardwareAddr) (network.Tap, error) {
	l.tap = &fakeTap{up: make(chan []byte), down: make(chan []byte, 10), deadline: make(chan time.Time, 10), closed: make(chan struct{})}
	return l.tap, nil
}

type fakeTap struct {
	up, down chan []byte
	deadline chan time.Time
	closed   chan struct{}
}

func (t *fakeTap) Read(p []byte) (int, error) {
	for {
		select {
		case f := <-t.up:
			return copy(p, f), nil
		case at := <-t.deadline:
			if !at.IsZero() {
				return 0, os.ErrDeadlineExceeded
			}
		case <-t.closed:
			return 0, os.ErrClosed
		}
	}
}

func (t *fakeTap) Write(p []byte) (int, error) {
	t.down <- slices.Clone(p)
	return len(p), nil
}

func (t *fakeTap) SetReadDeadline(at time.Time) error {
	t.deadline <- at
	return nil
}

func (t *fakeTap) Close() error {
	close(t.closed)
	return nil
}

// wired returns a network with eth0 over a stream.
func wired(t testing.TB) (*network.Network, *fakeLinks) {
	t.Helper()
	links := &fakeLinks{}
	n := network.New(links, netip.MustParseAddrPort("127.0.0.1:53"))
	eth0 := guestapi.Interface{Name: "eth0", Mac: "02:63:0a:09:00:02", Mtu: 1500, Frames: guestapi.FramesOverStream}
	if err := n.Set(t.Context(), &guestapi.Network{Interfaces: []guestapi.Interface{eth0}}); err != nil {
		t.Fatal(err)
	}
	return n, links
}

// dial opens the stream of eth0. ended gets what became of it.
func dial(t testing.TB, n *network.Network) (conn net.Conn, in *bufio.Reader, ended chan error) {
	t.Helper()
	serve, err := n.Frames("eth0")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	ended = make(chan error, 1)
	go func() { ended <- serve(theirs, bufio.NewReader(theirs)) }()
	in = bufio.NewReader(ours)
	if _, err := guestwire.ReadReply(in); err != nil {
		t.Fatal(err)
	}
	return ours, in, ended
}

// Frames pass in both directions, a later stream goes on where one has ended or
// takes its place, and the interface's end ends it.
func TestFrames(t *testing.T) {
	n, links := wired(t)
	first, _, ended := dial(t, n)
	_ = first.Close()
	<-ended
	second, _, replaced := dial(t, n)
	defer func() { _ = second.Close() }()
	conn, in, ended := dial(t, n)
	if err := <-replaced; err == nil {
		t.Error("two streams are served")
	}
	if _, err := guestwire.WriteData(conn, make([]byte, 1515)); err != nil { // too long: lost
		t.Fatal(err)
	}
	if _, err := guestwire.WriteData(conn, []byte("to the machine")); err != nil {
		t.Fatal(err)
	}
	if got := <-links.tap.down; string(got) != "to the machine" {
		t.Errorf("%q", got)
	}
	links.tap.up <- []byte("from the machine")
	frame, err := guestwire.NewFrameReader(in).Next()
	if err != nil || string(frame.Data) != "from the machine" {
		t.Errorf("%q, %v", frame.Data, err)
	}
	if err := n.Set(t.Context(), &guestapi.Network{}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the stream has ended without a cause")
	}
	<-links.tap.closed
	if _, err := n.Frames("eth0"); !apierr.Is(err, "stream_not_found") {
		t.Errorf("after the end: %v", err)
	}
}

// A controller that takes nothing holds up nobody: the next one is served.
func TestDeafController(t *testing.T) {
	n, links := wired(t)
	_, _, ended := dial(t, n)
	links.tap.up <- []byte("nobody reads this")
	conn, _, last := dial(t, n)
	if err := <-ended; err == nil {
		t.Error("the stream was ended in order")
	}
	_ = conn.Close()
	<-last
	if err := n.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever the controller sends, what the machine receives is no longer than its
// interface takes.
func FuzzFrames(f *testing.F) {
	var b bytes.Buffer
	_, _ = guestwire.WriteData(&b, make([]byte, 60))
	f.Add(b.Bytes())
	f.Add(guestwire.EndFrame())
	f.Add(guestwire.LostFrame(7))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n, links := wired(t)
		conn, _, ended := dial(t, n)
		go func() {
			_, _ = conn.Write(raw)
			_ = conn.Close()
		}()
		for over := false; !over; {
			select {
			case got := <-links.tap.down:
				if len(got) > 1514 {
					t.Errorf("%d bytes", len(got))
				}
			case <-ended:
				over = true
			}
		}
	})
}

// The kernel makes a tap, configures it, and removes it.
func TestKernelTap(t *testing.T) {
	inNamespace(t)
	eth0 := guestapi.Interface{Name: "eth0", Mac: "02:63:0a:09:00:02", Mtu: 1400, Addresses: []string{"10.9.0.2/24"}, Frames: guestapi.FramesOverStream}
	n := network.New(network.Kernel{}, netip.MustParseAddrPort("127.0.0.1:53"))
	err := n.Set(t.Context(), &guestapi.Network{Interfaces: []guestapi.Interface{eth0}})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		t.Skipf("this machine has no tun driver: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := addressesOf(t, "eth0"); !slices.Equal(got, eth0.Addresses) {
		t.Errorf("addresses %v", got)
	}
	conn, in, ended := dial(t, n)
	// The kernel announces itself sooner or later: who asks for its address is answered.
	ask := slices.Concat([]byte{255, 255, 255, 255, 255, 255, 2, 0x63, 10, 9, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0x63, 10, 9, 0, 1, 10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2})
	if _, err := guestwire.WriteData(conn, ask); err != nil {
		t.Fatal(err)
	}
	frames := guestwire.NewFrameReader(in)
	for {
		frame, err := frames.Next()
		if err != nil {
			t.Fatal(err)
		}
		if len(frame.Data) >= 22 && frame.Data[12] == 8 && frame.Data[13] == 6 && frame.Data[21] == 2 {
			break
		}
	}
	_ = conn.Close()
	<-ended
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.InterfaceByName("eth0"); err == nil {
		t.Error("the interface is still there")
	}
}
