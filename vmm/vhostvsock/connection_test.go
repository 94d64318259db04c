package vhostvsock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

// expectEOF fails unless c ends without another byte.
func expectEOF(t testing.TB, c net.Conn) {
	t.Helper()
	got, err := io.ReadAll(c)
	if err != nil || len(got) > 0 {
		t.Fatalf("read %q, %v; want the end of the stream", got, err)
	}
}

func TestConnectLine(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	l := g.Listen(7)
	for name, line := range map[string]string{
		"upper case":  "CONNECT 7\n",
		"lower case":  "connect 7\n",
		"mixed case":  "CoNnEcT 7\n",
		"longest":     "CONNECT                        7\n"[:31] + "\n",
		"zero padded": "CONNECT 0007\n",
	} {
		t.Run("accepts "+name, func(t *testing.T) {
			if name == "longest" {
				line = "CONNECT " + string(bytes.Repeat([]byte{' '}, 22)) + "7\n"
			}
			c := d.dialRaw(t, line)
			readOK(t, c)
			acceptGuest(t, l)
		})
	}
	for name, line := range map[string]string{
		"no number":      "CONNECT\n",
		"garbage":        "GET / HTTP/1.1\n",
		"two numbers":    "CONNECT 7 7\n",
		"negative":       "CONNECT -7\n",
		"too big":        "CONNECT 4294967296\n",
		"too long":       "CONNECT " + string(bytes.Repeat([]byte{'0'}, 24)) + "7\n",
		"empty":          "\n",
		"nobody listens": "CONNECT 9\n",
	} {
		t.Run("refuses "+name, func(t *testing.T) { expectEOF(t, d.dialRaw(t, line)) })
	}
	t.Run("refuses an end before the newline", func(t *testing.T) {
		c := d.dialRaw(t, "CONNECT 7")
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		expectEOF(t, c)
	})
}

func TestConnectLineInPiecesWithDataBehind(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	l := g.Listen(7)
	c := d.dialRaw(t, "CONN")
	for _, piece := range []string{"ECT 7", "\nhello"} {
		if _, err := io.WriteString(c, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(acceptGuest(t, l))
	if err != nil || string(got) != "hello" {
		t.Fatalf("guest read %q, %v", got, err)
	}
	readOK(t, c)
}

func TestClientsWaitForTheDriver(t *testing.T) {
	d := startDevice(t)
	early := d.dialRaw(t, "CONNECT 7\n") // no front-end yet
	drv := d.driver(t, vhosttest.Options{})
	g := closing(t, vhosttest.NewGuest(drv))
	expectEOF(t, early) // the driver is there, and nobody listens
	l := g.Listen(7)
	d.dial(t, 7)
	acceptGuest(t, l)
}

// TestGuestThatDoesNotAnswer takes as long as the device waits: 2 seconds.
func TestGuestThatDoesNotAnswer(t *testing.T) {
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{}))
	c := d.dialRaw(t, "CONNECT 7\n")
	h := recv(t, drv, packet.OpRequest)
	if h.DstPort != 7 || h.SrcPort < 1<<30 {
		t.Fatalf("request %+v", h)
	}
	expectEOF(t, c)
	if r := recv(t, drv, packet.OpReset); r.SrcPort != h.SrcPort {
		t.Fatalf("reset %+v", r)
	}
}

// recv returns the next packet, which must be of op.
func recv(t testing.TB, d *vhosttest.Driver, op packet.Op) packet.Header {
	t.Helper()
	h, _ := recvData(t, d, op)
	return h
}

func recvData(t testing.TB, d *vhosttest.Driver, op packet.Op) (packet.Header, []byte) {
	t.Helper()
	h, payload, err := d.Recv(patience)
	if err != nil {
		t.Fatalf("waiting for packet op %d: %v", op, err)
	}
	if h.Op != op {
		t.Fatalf("packet %+v, want op %d", h, op)
	}
	return h, payload
}

func TestGuestDialRefused(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	if _, err := g.Dial(5000); !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("dial of a port without listener: %v", err)
	}
}

func TestGuestDialWaitsForTheBacklog(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := os.NewFile(uintptr(fd), "listener")
	defer func() { _ = l.Close() }()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: d.hybrid + "_5000"}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Dial(5000); err != nil { // fills the backlog
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() {
		_, err := g.Dial(5000)
		second <- err
	}()
	for range 2 {
		c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = unix.Close(c) }()
	}
	if err := <-second; err != nil {
		t.Fatalf("dial of a full backlog that got room: %v", err)
	}
}
