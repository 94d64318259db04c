package linktest_test

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// While a link over TCP is down, its port stays its own: a connection that got
// it as its source port would keep the link down.
func TestPortIsKept(t *testing.T) {
	other, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	free, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := linktest.NewTCP(address, linktest.TCP(other.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	c.Down()
	if _, err := net.Dial("tcp4", address); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("connect while the link is down: %v, want it refused", err)
	}
	from, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	d := net.Dialer{LocalAddr: from}
	if conn, err := d.Dial("tcp4", other.Addr().String()); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("connect from the link's port: %v, want that it is in use", err)
		_ = conn.Close()
	}
	if err := c.Up(); err != nil {
		t.Errorf("take the link up: %v", err)
	}
}
