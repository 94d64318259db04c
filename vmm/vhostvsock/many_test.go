package vhostvsock_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

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
