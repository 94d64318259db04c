package usernet_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/cardplane/cardplane/cardplane/usernet"
)

var everybody = net.HardwareAddr{255, 255, 255, 255, 255, 255}

func ether(to, from net.HardwareAddr, kind uint16, payload []byte) []byte {
	return slices.Concat(to, from, []byte{byte(kind >> 8), byte(kind)}, payload)
}

func arpMessage(op byte, from net.HardwareAddr, a netip.Addr, to net.HardwareAddr, b netip.Addr) []byte {
	return slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, op}, from, a.AsSlice(), to, b.AsSlice())
}

func arpReply(from net.HardwareAddr, a netip.Addr, to net.HardwareAddr, b netip.Addr) []byte {
	return ether(to, from, 0x0806, arpMessage(2, from, a, to, b))
}

func ip4(from, to netip.Addr, protocol byte, body []byte) []byte {
	n := 20 + len(body)
	head := []byte{0x45, 0, byte(n >> 8), byte(n), 0, 0, 0, 0, 64, protocol, 0, 0}
	return slices.Concat(head, from.AsSlice(), to.AsSlice(), body)
}

func ip6(from, to netip.Addr, next byte, body []byte) []byte {
	n := len(body)
	return slices.Concat([]byte{0x60, 0, 0, 0, byte(n >> 8), byte(n), next, 255}, from.AsSlice(), to.AsSlice(), body)
}

// neighbor is a message of neighbour discovery.
func neighbor(kind byte, about netip.Addr) []byte {
	return slices.Concat([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, about.AsSlice())
}

// A guest speaks for itself alone.
func TestSpoofing(t *testing.T) {
	own4, own6 := address(prefix4, 2).Addr(), address(prefix6, 2).Addr()
	other4, other6 := address(prefix4, 3).Addr(), address(prefix6, 3).Addr()
	local := netip.MustParseAddr("fe80::63:ff:fe00:2")
	own := macOf(2)
	all6 := netip.MustParseAddr("ff02::1")
	for name, c := range map[string]struct {
		frame  []byte
		passes bool
	}{
		"IPv4":                {ether(everybody, own, 0x0800, ip4(own4, other4, 17, nil)), true},
		"IPv6":                {ether(everybody, own, 0x86dd, ip6(own6, other6, 17, nil)), true},
		"IPv6 of the link":    {ether(everybody, own, 0x86dd, ip6(local, other6, 17, nil)), true},
		"ARP":                 {ether(everybody, own, 0x0806, arpMessage(1, own, own4, own, other4)), true},
		"ARP probe":           {ether(everybody, own, 0x0806, arpMessage(1, own, netip.IPv4Unspecified(), own, own4)), true},
		"neighbour":           {ether(everybody, own, 0x86dd, ip6(own6, all6, 58, neighbor(136, own6))), true},
		"fragment":            {ether(everybody, own, 0x86dd, ip6(own6, other6, 44, []byte{17, 0, 0, 1, 0, 0, 0, 1})), true},
		"empty":               {nil, false},
		"short":               {make([]byte, 13), false},
		"no payload":          {ether(everybody, own, 0x0800, nil), false},
		"no IPv6 payload":     {ether(everybody, own, 0x86dd, nil), false},
		"no ARP payload":      {ether(everybody, own, 0x0806, nil), false},
		"long":                {ether(everybody, own, 0x0800, ip4(own4, other4, 17, make([]byte, mtu))), false},
		"tagged":              {ether(everybody, own, 0x8100, ip4(own4, other4, 17, nil)), false},
		"another MAC":         {ether(everybody, macOf(3), 0x0800, ip4(own4, other4, 17, nil)), false},
		"another IPv4":        {ether(everybody, own, 0x0800, ip4(other4, own4, 17, nil)), false},
		"another IPv6":        {ether(everybody, own, 0x86dd, ip6(other6, own6, 17, nil)), false},
		"another's link":      {ether(everybody, own, 0x86dd, ip6(netip.MustParseAddr("fe80::63:ff:fe00:3"), own6, 17, nil)), false},
		"wrong version":       {ether(everybody, own, 0x0800, ip6(own6, other6, 17, nil)), false},
		"ARP of another":      {ether(everybody, own, 0x0806, arpMessage(2, own, other4, own, own4)), false},
		"ARP of another MAC":  {ether(everybody, own, 0x0806, arpMessage(2, macOf(3), own4, own, own4)), false},
		"ARP of Wi-Fi":        {ether(everybody, own, 0x0806, append([]byte{0, 6}, arpMessage(1, own, own4, own, other4)[2:]...)), false},
		"another's neighbour": {ether(everybody, own, 0x86dd, ip6(own6, all6, 58, neighbor(136, other6))), false},
		"router":              {ether(everybody, own, 0x86dd, ip6(local, all6, 58, neighbor(134, own6))), false},
		"redirect":            {ether(everybody, own, 0x86dd, ip6(local, all6, 58, neighbor(137, own6))), false},
		"hidden neighbour":    {ether(everybody, own, 0x86dd, ip6(own6, all6, 60, append([]byte{58, 0, 1, 4, 0, 0, 0, 0}, neighbor(136, other6)...))), false},
		"cut neighbour":       {ether(everybody, own, 0x86dd, ip6(own6, all6, 44, append([]byte{58, 0, 0, 1, 0, 0, 0, 1}, neighbor(136, other6)...))), false},
		"half a neighbour":    {ether(everybody, own, 0x86dd, ip6(own6, all6, 58, neighbor(136, own6)[:20])), false},
	} {
		n := open(t, nil)
		sender, err := n.Join(usernet.NIC{MAC: own, Addresses: []netip.Addr{own4, own6}})
		if err != nil {
			t.Fatal(err)
		}
		receiver, err := n.Join(usernet.NIC{MAC: macOf(3), Addresses: []netip.Addr{other4, other6}})
		if err != nil {
			t.Fatal(err)
		}
		sender.Deliver(c.frame)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		got, err := receiver.Take(ended)
		if passed := err == nil && slices.EqualFunc(got, [][]byte{c.frame}, slices.Equal[[]byte]); passed != c.passes {
			t.Errorf("%s: passed %v", name, passed)
		}
	}
}

// The gateway answers for its own addresses alone.
func TestGatewayIsNobodyElse(t *testing.T) {
	n := open(t, nil)
	own := address(prefix4, 2).Addr()
	port, err := n.Join(usernet.NIC{MAC: macOf(2), Addresses: []netip.Addr{own}})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"10.9.0.7", "192.0.2.7"} {
		port.Deliver(ether(everybody, macOf(2), 0x0806, arpMessage(1, macOf(2), own, macOf(0), netip.MustParseAddr(other))))
		if frames, err := port.Take(within(t, soon)); err == nil {
			t.Errorf("%s is answered for: %x", other, frames)
		}
	}
	port.Deliver(ether(everybody, macOf(2), 0x0806, arpMessage(1, macOf(2), own, macOf(0), gate4)))
	frames, err := port.Take(within(t, patience))
	if err != nil || len(frames) != 1 {
		t.Errorf("%x, %v", frames, err)
	}
}

// Whatever a guest sends, it is taken, and no other gets what is not the guest's.
func FuzzDeliver(f *testing.F) {
	own4, own6 := address(prefix4, 2).Addr(), address(prefix6, 2).Addr()
	gate := net.HardwareAddr{2, 0x63, 10, 9, 0, 1}
	for _, to := range []net.HardwareAddr{everybody, gate, macOf(3)} {
		f.Add(ether(to, macOf(2), 0x0800, ip4(own4, gate4, 1, []byte{8, 0, 0, 0, 0, 0, 0, 0})))
		f.Add(ether(to, macOf(2), 0x0800, ip4(own4, gate4, 6, make([]byte, 20))))
		f.Add(ether(to, macOf(2), 0x86dd, ip6(own6, gate6, 58, neighbor(135, gate6))))
		f.Add(ether(to, macOf(2), 0x86dd, ip6(own6, gate6, 44, []byte{17, 0, 0, 1, 0, 0, 0, 1})))
		f.Add(ether(to, macOf(2), 0x0806, arpMessage(1, macOf(2), own4, macOf(2), gate4)))
	}
	n := open(f, func(c *usernet.Config) { c.Internal = true })
	sender, err := n.Join(usernet.NIC{MAC: macOf(2), Addresses: []netip.Addr{own4, own6}})
	if err != nil {
		f.Fatal(err)
	}
	receiver, err := n.Join(usernet.NIC{MAC: macOf(3), Addresses: []netip.Addr{address(prefix4, 3).Addr()}})
	if err != nil {
		f.Fatal(err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, frame []byte) {
		sender.Deliver(frame)
		_, _ = sender.Take(ended)
		got, _ := receiver.Take(ended)
		for _, g := range got {
			if len(g) > mtu+14 || !slices.Equal(g[6:12], macOf(2)) && !slices.Equal(g[6:12], gate) {
				t.Errorf("%x", g)
			}
		}
	})
}
