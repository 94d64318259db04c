package network_test

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// neighbor tells eth0 of this thread's namespace who has an address.
func neighbor(ip string, hw net.HardwareAddr) error {
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	return netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, IP: net.ParseIP(ip), HardwareAddr: hw, State: netlink.NUD_PERMANENT,
	})
}

// gateway returns the MAC of a network's bridge.
func gateway(w *world, id string) net.HardwareAddr {
	w.Helper()
	n, err := w.Get(id)
	if err != nil {
		w.Fatal(err)
	}
	link, err := netlink.LinkByName(n.Interface)
	if err != nil {
		w.Fatal(err)
	}
	return link.Attrs().HardwareAddr
}

// packet is what a frame carries.
type packet struct {
	kind    uint16
	payload []byte
}

func frame(to, from net.HardwareAddr, p packet) []byte {
	out := append(append([]byte{}, to...), from...)
	out = binary.BigEndian.AppendUint16(out, p.kind)
	return append(out, p.payload...)
}

// sum is the Internet checksum (RFC 1071).
func sum(parts ...[]byte) uint16 {
	var total uint32
	for _, p := range parts {
		for i := 0; i < len(p); i += 2 {
			total += uint32(p[i]) << 8
			if i+1 < len(p) {
				total += uint32(p[i+1])
			}
		}
	}
	for total>>16 > 0 {
		total = total&0xffff + total>>16
	}
	return ^uint16(total)
}

func udpHeader(port uint16, text string) []byte {
	h := binary.BigEndian.AppendUint16(nil, 40000)
	h = binary.BigEndian.AppendUint16(h, port)
	h = binary.BigEndian.AppendUint16(h, uint16(8+len(text)))
	return append(append(h, 0, 0), text...)
}

// udp4 is a datagram; IPv4 needs no checksum of UDP.
func udp4(from, to string, port uint16, text string) packet {
	body := udpHeader(port, text)
	h := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
	h = append(h, netip.MustParseAddr(from).AsSlice()...)
	h = append(h, netip.MustParseAddr(to).AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], sum(h))
	return packet{0x0800, append(h, body...)}
}

// ip6 is a packet whose body has its checksum at offset.
func ip6(from, to string, next byte, body []byte, offset int) packet {
	src, dst := netip.MustParseAddr(from).AsSlice(), netip.MustParseAddr(to).AsSlice()
	h := []byte{0x60, 0, 0, 0, 0, 0, next, 255}
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	h = append(append(h, src...), dst...)
	binary.BigEndian.PutUint16(body[offset:], sum(src, dst, []byte{0, 0, byte(len(body) >> 8), byte(len(body)), 0, 0, 0, next}, body))
	return packet{0x86dd, append(h, body...)}
}

func udp6(from, to string, port uint16, text string) packet {
	return ip6(from, to, 17, udpHeader(port, text), 6)
}

// advertise6 says that target is at hw (RFC 4861, 4.4).
func advertise6(from, target string, hw net.HardwareAddr) packet {
	body := []byte{136, 0, 0, 0, 0x20, 0, 0, 0}
	body = append(body, netip.MustParseAddr(target).AsSlice()...)
	body = append(append(body, 2, 1), hw...)
	return ip6(from, "ff02::1", 58, body, 2)
}

// router6 says that there is a router (RFC 4861, 4.2).
func router6(from string) packet {
	return ip6(from, "ff02::1", 58, []byte{134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 2)
}

// arp says that ip is at hw.
func arp(operation byte, hw net.HardwareAddr, ip string, target string) packet {
	out := []byte{0, 1, 8, 0, 6, 4, 0, operation}
	out = append(append(out, hw...), netip.MustParseAddr(ip).AsSlice()...)
	out = append(out, 0, 0, 0, 0, 0, 0)
	return packet{0x0806, append(out, netip.MustParseAddr(target).AsSlice()...)}
}

// tagged puts a packet into a VLAN.
func tagged(p packet) packet {
	inner := binary.BigEndian.AppendUint16([]byte{0, 1}, p.kind)
	return packet{0x8100, append(inner, p.payload...)}
}
