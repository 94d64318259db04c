package vhostvsock_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/vhosttest"
)

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

// TestGuestIgnoringTheClose takes as long as the device waits for the guest to
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

// TestGuestClosesOnASlowHost: the guest is done at once, and the host gets all
// that was sent.
func TestGuestClosesOnASlowHost(t *testing.T) {
	d := startDevice(t)
	host, guest := d.pair(t, d.guest(t, vhosttest.Options{}))
	data := fillUp(t, guest)
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

func TestSlowHostCloses(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	host, guest := d.pair(t, g)
	fillUp(t, guest)
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	if err := guest.WaitReset(); err == nil {
		t.Fatal("connection lives without its host")
	}
	host, guest = d.pair(t, g)
	exchange(t, host, guest, 1000, 1000)
}

func TestSlowHostGoneAfterTheGuest(t *testing.T) {
	d := startDevice(t)
	g := d.guest(t, vhosttest.Options{})
	host, guest := d.pair(t, g)
	fillUp(t, guest)
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	if err := guest.WaitReset(); err == nil {
		t.Fatal("connection lives after the guest's close")
	}
	if err := host.Close(); err != nil {
		t.Fatal(err)
	}
	host, guest = d.pair(t, g)
	exchange(t, host, guest, 1000, 1000)
}

// fillUp writes as much as fits between the guest and a host that does not
// read: more than a socket buffer holds.
func fillUp(t testing.TB, guest *vhosttest.Conn) []byte {
	t.Helper()
	data := randomBytes(guest.Credit())
	if _, err := guest.Write(data); err != nil {
		t.Fatal(err)
	}
	return data
}
