package usernet

import (
	"encoding/binary"
	"net/netip"
)

// mac is an Ethernet address.
type mac [6]byte

// group reports whether it is the address of more than one.
func (m mac) group() bool { return m[0]&1 != 0 }

// Lengths of headers, in bytes, and where fields are in them.
const (
	etherSize = 14
	ip4Size   = 20
	ip6Size   = 40
	arpSize   = 28
)

// The types of Ethernet frames that a network carries.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
)

// Protocols of IP.
const (
	protoICMP     = 1
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44
	protoICMPv6   = 58
	protoNone     = 59
)

// Types of ICMPv6 messages, RFC 4861.
const (
	routerAdvertisement   = 134
	neighborSolicitation  = 135
	neighborAdvertisement = 136
	redirect              = 137
)

// frame is an Ethernet frame whose headers are there.
type frame []byte

// parse returns b as a frame if it is one that a network of that MTU carries:
// its headers are whole.
func parse(b []byte, mtu int) (f frame, ok bool) {
	f = b
	if len(b) < etherSize || len(b) > etherSize+mtu {
		return nil, false
	}
	switch p := f.payload(); f.ether() {
	case etherARP:
		// Ethernet and IPv4 are all that there is to ask for.
		return f, len(p) >= arpSize && binary.BigEndian.Uint64(p)>>16 == 0x000108000604
	case etherIPv4:
		return f, len(p) >= ip4Size && p[0]>>4 == 4
	case etherIPv6:
		return f, len(p) >= ip6Size && p[0]>>4 == 6
	}
	return nil, false
}

func (f frame) to() mac         { return mac(f[:6]) }
func (f frame) from() mac       { return mac(f[6:12]) }
func (f frame) ether() uint16   { return binary.BigEndian.Uint16(f[12:]) }
func (f frame) payload() []byte { return f[etherSize:] }

// source and target are the IP addresses that the frame is from and to; of ARP,
// those that it speaks of.
func (f frame) source() netip.Addr {
	switch p := f.payload(); f.ether() {
	case etherARP:
		return netip.AddrFrom4([4]byte(p[14:]))
	case etherIPv4:
		return netip.AddrFrom4([4]byte(p[12:]))
	default:
		return netip.AddrFrom16([16]byte(p[8:]))
	}
}

func (f frame) target() netip.Addr {
	switch p := f.payload(); f.ether() {
	case etherARP:
		return netip.AddrFrom4([4]byte(p[24:]))
	case etherIPv4:
		return netip.AddrFrom4([4]byte(p[16:]))
	default:
		return netip.AddrFrom16([16]byte(p[24:]))
	}
}

// protocol is the protocol of IP that the frame carries, 0 for ARP.
func (f frame) protocol() byte {
	switch p := f.payload(); f.ether() {
	case etherIPv4:
		return p[9]
	case etherIPv6:
		return p[6]
	}
	return 0
}

// owner is all that a port's guest may call itself.
type owner struct {
	mac       mac
	addresses map[netip.Addr]bool
}

// admits reports whether the guest may send the frame: it speaks for itself
// alone.
func (o owner) admits(f frame) bool {
	if f.from() != o.mac {
		return false
	}
	switch f.ether() {
	case etherARP:
		return mac(f.payload()[8:14]) == o.mac && (f.source() == netip.IPv4Unspecified() || o.addresses[f.source()])
	case etherIPv4:
		return o.addresses[f.source()]
	default:
		return (f.source() == netip.IPv6Unspecified() || o.has6(f.source())) && o.admits6(f)
	}
}

// has6 reports whether an IPv6 address is the guest's: one of those that it was
// given, or that of its link, which is made of its MAC address.
func (o owner) has6(a netip.Addr) bool { return o.addresses[a] || a == linkLocal(o.mac) }

// admits6 looks at what IPv6 carries. A guest is no router, and a neighbour for
// its own addresses alone. Headers that could hide such a message pass nobody
// needs.
func (o owner) admits6(f frame) bool {
	p := f.payload()
	body := p[ip6Size:]
	switch f.protocol() {
	case protoTCP, protoUDP, protoNone:
		return true
	case protoFragment:
		return len(body) >= 8 && (body[0] == protoTCP || body[0] == protoUDP)
	case protoICMPv6:
		if len(body) < 4 || body[0] == routerAdvertisement || body[0] == redirect {
			return false
		}
		return body[0] != neighborAdvertisement || o.has6(f.neighbor())
	}
	return false
}

// neighbor is the address that a message of neighbor discovery speaks of. It is
// invalid where there is none.
func (f frame) neighbor() netip.Addr {
	body := f.payload()[ip6Size:]
	if len(body) < 24 || body[0] != neighborSolicitation && body[0] != neighborAdvertisement {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte(body[8:]))
}

// linkLocal is the address that an interface gives itself, RFC 4291, appendix A.
func linkLocal(m mac) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}
