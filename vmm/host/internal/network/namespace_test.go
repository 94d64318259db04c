package network_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// namespace is a network namespace that a test has made.
type namespace struct{ *os.File }

func newNamespace(t *testing.T) namespace {
	t.Helper()
	made := make(chan namespace, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		var n namespace
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.File, err = os.Open("/proc/thread-self/ns/net")
		}
		if err != nil {
			t.Errorf("make namespace: %v", err)
		}
		made <- n
	}()
	n := <-made
	if n.File == nil {
		t.FailNow()
	}
	t.Cleanup(func() { _ = n.Close() })
	n.do(t, func() error { mustUp("lo"); return nil })
	return n
}

// do runs f in the namespace. Sockets that f makes stay there.
func (n namespace) do(t *testing.T, f func() error) {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(n.Fd()), unix.CLONE_NEWNET); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

// address gives a link addresses, sets it up, and routes everything through
// gateways.
func address(name string, addresses []string, gateways ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, text := range addresses {
		a, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	for _, g := range gateways {
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(g)}); err != nil {
			return fmt.Errorf("gateway %s: %w", g, err)
		}
	}
	return nil
}

// outside is a machine beyond the host, on a network of the host's own.
type outside struct{ namespace }

const (
	hostOutside4, outside4 = "192.0.2.1", "192.0.2.2"
	hostOutside6, outside6 = "2001:db8::1", "2001:db8::2"
)

func newOutside(t *testing.T) outside {
	t.Helper()
	o := outside{newNamespace(t)}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "up0"
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(o.Fd()))}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = netlink.LinkDel(pair) })
	if err := address("up0", []string{hostOutside4 + "/24", hostOutside6 + "/64"}); err != nil {
		t.Fatal(err)
	}
	o.do(t, func() error { return address("eth0", []string{outside4 + "/24", outside6 + "/64"}) })
	return o
}

// host is this process's own namespace as a place for sockets.
func host(t *testing.T) namespace {
	t.Helper()
	f, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return namespace{f}
}

// listenUDP returns a UDP socket of the namespace.
func (n namespace) listenUDP(t *testing.T, at string) *net.UDPConn {
	t.Helper()
	var conn *net.UDPConn
	n.do(t, func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		return err
	})
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// received returns what is in a socket now: texts and where they came from.
func received(t *testing.T, conn *net.UDPConn) []string {
	t.Helper()
	var out []string
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 2048)
	err = raw.Control(func(fd uintptr) {
		for {
			n, from, err := unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			out = append(out, string(buffer[:n])+" from "+text(from))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func text(from unix.Sockaddr) string {
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(from.Addr).String()
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(from.Addr).Unmap().String()
	}
	return "?"
}

// send sends a datagram from the namespace. What refuses it is no error.
func (n namespace) send(t *testing.T, to, what string) {
	t.Helper()
	n.do(t, func() error {
		conn, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write([]byte(what)); err != nil && !errors.Is(err, unix.EPERM) {
			return err
		}
		return nil
	})
}
