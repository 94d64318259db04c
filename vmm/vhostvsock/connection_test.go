package vhostvsock_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
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

func TestHalfClose(t *testing.T) {
	t.Run("host first", func(t *testing.T) {
		d := startDevice(t)
		host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
		if err := host.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(guest); err != nil || len(got) > 0 {
			t.Fatalf("guest read %q, %v", got, err)
		}
		if err := pump(guest, []byte("late"), 9); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(host); err != nil || string(got) != "late" {
			t.Fatalf("host read %q, %v", got, err)
		}
	})
	t.Run("guest first", func(t *testing.T) {
		d := startDevice(t)
		host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
		if err := pump(guest, []byte("early"), 9); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(host); err != nil || string(got) != "early" {
			t.Fatalf("host read %q, %v", got, err)
		}
		if err := pump(host, []byte("late"), 9); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(guest); err != nil || string(got) != "late" {
			t.Fatalf("guest read %q, %v", got, err)
		}
	})
	t.Run("guest stops receiving", func(t *testing.T) {
		d := startDevice(t)
		host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
		if err := guest.Shutdown(packet.ShutdownReceive); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<16)
		for {
			if _, err := host.Write(buf); err != nil {
				if !errors.Is(err, unix.EPIPE) {
					t.Fatalf("host write: %v", err)
				}
				break
			}
		}
		if err := pump(guest, []byte("still sending"), 99); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(host); err != nil || string(got) != "still sending" {
			t.Fatalf("host read %q, %v", got, err)
		}
	})
}

func TestHostCloses(t *testing.T) {
	d := startDevice(t)
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	data := randomBytes(300 << 10) // more than one credit
	go func() {
		_, _ = host.Write(data)
		_ = host.Close()
	}()
	got, err := io.ReadAll(guest)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("guest read %d of %d bytes, %v", len(got), len(data), err)
	}
}

// TestHostGoneWithDataUnderWay: a host that closes after it wrote is heard to
// the end though the guest's own bytes no longer reach it.
func TestHostGoneWithDataUnderWay(t *testing.T) {
	d := startDevice(t)
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	if _, err := io.WriteString(host, "last words"); err != nil {
		t.Fatal(err)
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := guest.Write(make([]byte, 1000)); err != nil {
			break
		}
	}
	if got, err := io.ReadAll(guest); string(got) != "last words" {
		t.Fatalf("guest read %q, %v", got, err)
	}
}

func TestGuestCloses(t *testing.T) {
	d := startDevice(t)
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	if _, err := io.WriteString(host, "never read by the guest"); err != nil {
		t.Fatal(err)
	}
	data := randomBytes(200 << 10)
	if _, err := guest.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	if err := guest.WaitReset(); !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("guest's close is answered with %v", err)
	}
	got, err := io.ReadAll(host)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("host read %d of %d bytes, %v", len(got), len(data), err)
	}
}

func TestGuestResets(t *testing.T) {
	d := startDevice(t)
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	if err := guest.Reset(); err != nil {
		t.Fatal(err)
	}
	expectEOF(t, host)
}

// TestHostIgnoringTheClose takes as long as the device waits for the guest to
// agree to a close: 2 seconds.
func TestGuestIgnoringTheClose(t *testing.T) {
	d := startDevice(t)
	drv := closing(t, d.driver(t, vhosttest.Options{}))
	host, h := openRaw(t, d, drv)
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	for flags := uint32(0); flags != packet.ShutdownBoth; {
		flags = recv(t, drv, packet.OpShutdown).Flags
	}
	if r := recv(t, drv, packet.OpReset); r.SrcPort != h.SrcPort {
		t.Fatalf("reset %+v", r)
	}
}

// openRaw opens a connection of the host packet by packet and returns the
// header of its request.
func openRaw(t testing.TB, d device, drv *vhosttest.Driver) (*net.UnixConn, packet.Header) {
	t.Helper()
	host := d.dialRaw(t, "CONNECT 7\n")
	h := recv(t, drv, packet.OpRequest)
	send(t, drv, h, packet.OpResponse, nil)
	readOK(t, host)
	return host, h
}

// send sends a packet on the connection that the device asked for with req.
func send(t testing.TB, drv *vhosttest.Driver, req packet.Header, op packet.Op, payload []byte) {
	t.Helper()
	err := drv.Send(packet.Header{
		SrcPort: req.DstPort, DstPort: req.SrcPort, Op: op, BufAlloc: vhosttest.DefaultBuffer,
	}, payload)
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyConnections(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	l := g.Listen(1024)
	const n = 1023
	hosts := make([]*net.UnixConn, n)
	guests := map[uint32]*vhosttest.Conn{}
	for i := range hosts {
		hosts[i] = d.dialRaw(t, "CONNECT 1024\n")
		port := readOK(t, hosts[i])
		c := acceptGuest(t, l)
		if c.HostPort() != port || guests[port] != nil {
			t.Fatalf("host port %d for the host, %d for the guest", port, c.HostPort())
		}
		guests[port] = c
		if i%100 == 0 {
			exchange(t, d.dial(t, 1024), acceptGuest(t, l), 1000, 5000)
		}
	}
	expectEOF(t, d.dialRaw(t, ""))
	if _, err := g.Dial(1); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("guest's dial at the limit: %v", err)
	}
	for _, c := range guests {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range hosts {
		expectEOF(t, h)
	}
	host, guest := d.pair(t, g)
	exchange(t, host, guest, 1000, 5000)
}

func TestConnectionsInParallel(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	in := g.Listen(1024)
	out := d.listen(t, 5000)
	var wg sync.WaitGroup
	for i := range 32 {
		var host *net.UnixConn
		var guest *vhosttest.Conn
		if i%2 == 0 {
			host, guest = d.dial(t, 1024), acceptGuest(t, in)
		} else {
			c, err := g.Dial(5000)
			if err != nil {
				t.Fatal(err)
			}
			host, guest = acceptHost(t, out), c
		}
		wg.Go(func() { exchange(t, host, guest, 10_000+i, 200_000) })
	}
	wg.Wait()
}

func TestSlowHostReaderStallsNobodyElse(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	slow, slowGuest := d.pair(t, g)
	data := randomBytes(2 << 20)
	written := make(chan error, 1)
	go func() { written <- pump(slowGuest, data, 256<<10) }()
	for range 3 {
		host, guest := d.pair(t, g)
		exchange(t, host, guest, 64<<10, 1<<20)
	}
	select {
	case err := <-written:
		t.Fatalf("guest wrote %d bytes that nobody reads: %v", len(data), err)
	default:
	}
	got, err := io.ReadAll(slow)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("slow reader got %d of %d bytes, %v", len(got), len(data), err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

func TestSmallGuestCredit(t *testing.T) {
	for _, size := range []uint32{1, 100, 5000, 64 << 10} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d := startDevice(t)
			g := d.guest(t, vhosttest.Options{})
			g.Buffer = size
			host, guest := d.pair(t, g)
			exchange(t, host, guest, 3000, min(int(size)*100, 500_000))
		})
	}
}
