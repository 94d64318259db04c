package usernet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane/usernet"
	"github.com/cardplane/cardplane/cardplane/usernet/usernettest"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what should come at once, and soon what should not come.
const (
	patience = 20 * time.Second
	soon     = 200 * time.Millisecond
	mtu      = 1400
)

var (
	prefix4, gate4 = netip.MustParsePrefix("10.9.0.0/24"), netip.MustParseAddr("10.9.0.1")
	prefix6, gate6 = netip.MustParsePrefix("fd00:9::/64"), netip.MustParseAddr("fd00:9::1")
)

func testLog(t testing.TB) logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	return log
}

// open starts a network with a subnet of each family.
func open(t testing.TB, change func(*usernet.Config)) *usernet.Network {
	t.Helper()
	cfg := usernet.Config{Subnets: []usernet.Subnet{{Prefix: prefix4, Gateway: gate4}, {Prefix: prefix6, Gateway: gate6}}, MTU: mtu, Log: testLog(t)}
	if change != nil {
		change(&cfg)
	}
	n, err := usernet.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func macOf(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0x63, 0, 0, 0, last} }

// address is the one of a guest in a prefix.
func address(p netip.Prefix, last byte) netip.Prefix {
	raw := p.Addr().AsSlice()
	raw[len(raw)-1] = last
	a, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(a, p.Bits())
}

// join plugs in a guest with an address in p that ends so.
func join(t testing.TB, n *usernet.Network, p netip.Prefix, last byte) (*usernettest.Guest, *usernet.Port) {
	t.Helper()
	a := address(p, last)
	port, err := n.Join(usernet.NIC{MAC: macOf(last), Addresses: []netip.Addr{a.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	gate := gate4
	if a.Addr().Is6() {
		gate = gate6
	}
	g := usernettest.New(t, macOf(last), a, gate, mtu)
	plug(t, g, port)
	return g, port
}

// plug carries frames between a guest and its port until the test ends.
func plug(t testing.TB, g *usernettest.Guest, port *usernet.Port) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		for f := g.Send(ctx); f != nil; f = g.Send(ctx) {
			port.Deliver(f)
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			frames, err := port.Take(ctx)
			if err != nil {
				return
			}
			for _, f := range frames {
				g.Receive(f)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
	})
}

// echo answers all that is said on connections to l.
func echo(t testing.TB, l net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// halfConn is a TCP connection of a guest, or of this machine.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// says sends all of text over conn, which is to say the same until its end.
func says(t testing.TB, conn halfConn, text string) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(conn, text)
		_ = conn.CloseWrite()
	}()
	if got, err := io.ReadAll(conn); err != nil || string(got) != text {
		t.Fatalf("%d of %d bytes, %v", len(got), len(text), err)
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// Guests reach each other through the switch, and their gateways' addresses are
// no others'.
func TestGuestsReachEachOther(t *testing.T) {
	for _, p := range []netip.Prefix{prefix4, prefix6} {
		t.Run(p.String(), func(t *testing.T) {
			n := open(t, func(c *usernet.Config) { c.Internal = true })
			a, _ := join(t, n, p, 2)
			b, _ := join(t, n, p, 3)
			at := netip.AddrPortFrom(address(p, 3).Addr(), 80)
			l, err := b.Listen(at)
			if err != nil {
				t.Fatal(err)
			}
			echo(t, l)
			conn, err := a.Dial(within(t, patience), at)
			if err != nil {
				t.Fatal(err)
			}
			says(t, conn, strings.Repeat("between guests ", 50_000))
		})
	}
}

func TestIsolated(t *testing.T) {
	n := open(t, func(c *usernet.Config) { c.Isolated = true })
	a, _ := join(t, n, prefix4, 2)
	b, _ := join(t, n, prefix4, 3)
	at := netip.AddrPortFrom(address(prefix4, 3).Addr(), 80)
	l, err := b.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	if conn, err := a.Dial(within(t, soon), at); err == nil {
		_ = conn.Close()
		t.Error("a guest of an isolated network reaches another")
	}
}

// outside is a TCP server on this machine's loopback that guests are led to by
// the name of an address outside, see reroute.
func outside(t testing.TB) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// reroute has a network dial to instead of what is outside.
func reroute(to netip.AddrPort) func(*usernet.Config) {
	return func(c *usernet.Config) {
		c.Dial = func(ctx context.Context, network string, _ netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, to.String())
		}
	}
}

var there = netip.MustParseAddrPort("192.0.2.7:80")

// A guest's connection to the outside is the card's, in both families, with an
// end in each direction.
func TestOutbound(t *testing.T) {
	for p, to := range map[netip.Prefix]netip.AddrPort{prefix4: there, prefix6: netip.MustParseAddrPort("[2001:db8::7]:80")} {
		n := open(t, reroute(outside(t)))
		g, _ := join(t, n, p, 2)
		conn, err := g.Dial(within(t, patience), to)
		if err != nil {
			t.Fatal(err)
		}
		says(t, conn, strings.Repeat("to the outside ", 100_000))
	}
}

func TestOutboundUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(buf[:n], from)
		}
	}()
	t.Cleanup(func() { _ = server.Close(); <-done })
	n := open(t, reroute(server.LocalAddr().(*net.UDPAddr).AddrPort()))
	g, _ := join(t, n, prefix4, 2)
	conn, err := g.DialUDP(there)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	buf := make([]byte, 2048)
	for _, text := range []string{"one", strings.Repeat("x", 1200)} {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(buf); err != nil || string(buf[:n]) != text {
			t.Fatalf("%q, %v", buf[:n], err)
		}
	}
}

// What a guest must not reach is refused before anything is dialled.
func TestForbidden(t *testing.T) {
	dialled := make(chan netip.AddrPort, 1)
	forbid := func(c *usernet.Config) {
		c.Blocked = func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("198.51.100.9/32")} }
		c.Dial = func(_ context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
			dialled <- to
			return nil, syscall.ECONNREFUSED
		}
	}
	for text, change := range map[string]func(*usernet.Config){
		"127.0.0.1":             forbid,
		"127.8.8.8":             forbid,
		"0.0.0.0":               forbid,
		"169.254.169.254":       forbid,
		"10.9.0.1":              forbid,
		"198.51.100.9":          forbid,
		"::1":                   forbid,
		"::ffff:127.0.0.1":      forbid,
		"fe80::1":               forbid,
		"fd00:9::1":             forbid,
		"192.0.2.7":             func(c *usernet.Config) { forbid(c); c.Internal = true },
		"10.9.0.99":             forbid,
		"2001:db8::9":           func(c *usernet.Config) { forbid(c); c.Internal = true },
		"255.255.255.255":       forbid,
		"::ffff:198.51.100.9":   forbid,
		"::127.0.0.1":           forbid,
		"64:ff9b::198.51.100.9": forbid,
	} {
		t.Run(text, func(t *testing.T) {
			to := netip.AddrPortFrom(netip.MustParseAddr(text), 80)
			n := open(t, change)
			if n.Leads(to.Addr()) {
				t.Error("the network leads there")
			}
			p := prefix4
			if to.Addr().Is6() {
				p = prefix6
			}
			g, _ := join(t, n, p, 2)
			if conn, err := g.Dial(within(t, soon), to); err == nil {
				_ = conn.Close()
				t.Error("it is reached")
			}
			select {
			case to := <-dialled:
				t.Errorf("%s was dialled", to)
			default:
			}
		})
	}
}

// A published port leads to the guest, from any program on the machine.
func TestPublish(t *testing.T) {
	n := open(t, func(c *usernet.Config) { c.Internal = true })
	g, _ := join(t, n, prefix4, 2)
	to := netip.AddrPortFrom(address(prefix4, 2).Addr(), 80)
	l, err := g.Listen(to)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	p, err := n.Publish(usernet.Forward{At: netip.MustParseAddrPort("127.0.0.1:0"), To: to})
	if err != nil {
		t.Fatal(err)
	}
	taken := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(p.Port))
	if _, err := n.Publish(usernet.Forward{At: taken, To: to}); !apierr.Is(err, "port_taken") {
		t.Errorf("twice: %v", err)
	}
	if _, err := n.Publish(usernet.Forward{At: netip.MustParseAddrPort("192.0.2.1:0"), To: to}); !apierr.Is(err, "host_address_unavailable") {
		t.Errorf("at another's address: %v", err)
	}
	conn, err := net.Dial("tcp", taken.String())
	if err != nil {
		t.Fatal(err)
	}
	says(t, conn.(*net.TCPConn), strings.Repeat("to the guest ", 100_000))
	p.Close()
	if conn, err := net.Dial("tcp", taken.String()); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
}

// A port that nothing listens at in the guest breaks off connections.
func TestPublishNothing(t *testing.T) {
	n := open(t, nil)
	join(t, n, prefix4, 2)
	p, err := n.Publish(usernet.Forward{At: netip.MustParseAddrPort("127.0.0.1:0"), To: netip.AddrPortFrom(address(prefix4, 2).Addr(), 81)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port))
	if err == nil {
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%v", err)
	}
}

func TestPublishUDP(t *testing.T) {
	n := open(t, nil)
	g, _ := join(t, n, prefix4, 2)
	to := netip.AddrPortFrom(address(prefix4, 2).Addr(), 53)
	server, err := g.ListenUDP(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	p, err := n.Publish(usernet.Forward{UDP: true, At: netip.MustParseAddrPort("127.0.0.1:0"), To: to})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, text := range []string{"first", "second"} {
		conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", p.Port))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		_ = server.SetDeadline(time.Now().Add(patience))
		n, from, err := server.ReadFrom(buf)
		if err != nil || string(buf[:n]) != text {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		if _, err := server.WriteTo(append(buf[:n], '!'), from); err != nil {
			t.Fatal(err)
		}
		if n, err = conn.Read(buf); err != nil || string(buf[:n]) != text+"!" {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		_ = conn.Close()
	}
}

// A guest that leaves, or a network that ends, ends connections; and a MAC
// address is one guest's at a time.
func TestLeave(t *testing.T) {
	n := open(t, reroute(outside(t)))
	g, port := join(t, n, prefix4, 2)
	if _, err := n.Join(usernet.NIC{MAC: macOf(2)}); !apierr.Is(err, "mac_in_use") {
		t.Errorf("twice: %v", err)
	}
	if _, err := n.Join(usernet.NIC{MAC: net.HardwareAddr{2, 0x63, 10, 9, 0, 1}}); !apierr.Is(err, "mac_in_use") {
		t.Errorf("as the gateway: %v", err)
	}
	conn, err := g.Dial(within(t, patience), there)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	port.Leave()
	port.Leave()
	if _, err := port.Take(within(t, patience)); err == nil {
		t.Error("a port that has left gives frames")
	}
	again, _ := join(t, n, prefix4, 2)
	if conn, err = again.Dial(within(t, patience), there); err != nil {
		t.Fatal(err)
	}
	n.Close()
	if _, err := n.Join(usernet.NIC{MAC: macOf(4)}); err == nil {
		t.Error("joined after the end")
	}
}

// A guest that takes nothing loses its own frames, and holds up nobody.
func TestDeafGuest(t *testing.T) {
	n := open(t, nil)
	deaf := address(prefix4, 9).Addr()
	port, err := n.Join(usernet.NIC{MAC: macOf(9), Addresses: []netip.Addr{deaf}})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := join(t, n, prefix4, 2)
	conn, err := g.DialUDP(netip.AddrPortFrom(deaf, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// It is to answer for its address at least.
	port.Deliver(arpReply(macOf(9), deaf, macOf(2), address(prefix4, 2).Addr()))
	for range 2000 {
		_, _ = conn.Write(make([]byte, 1000))
	}
	frames, err := port.Take(within(t, patience))
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, f := range frames {
		held += len(f)
	}
	if held > 512<<10 {
		t.Errorf("%d bytes are held for it", held)
	}
}
