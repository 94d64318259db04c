package rules

import (
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Types of ICMPv6 messages, RFC 4443, 4861, 2710 and 3810.
const (
	echoRequest6        = 128
	routerAdvertisement = 134
	neighborSolicit     = 135
	neighborAdvertise   = 136
	redirectMessage     = 137
	multicastReport     = 143
)

// switched makes the table of what bridges switch. It looks at frames when
// they come from a VM, before a bridge has seen them: each must carry the MAC
// and an address of its interface, also within ARP and neighbor discovery.
// Anything that is not ARP, IPv4 or IPv6 is dropped, VLANs and spanning trees included.
func (b *builder) switched() {
	b.begin(nftables.TableFamilyBridge)
	var macs, ipv4, ipv6, itself []nftables.SetElement
	for _, n := range b.rules.NICs {
		itself = append(itself, element(n.Tap, nameOf(n.Tap)))
		macs = append(macs, element(n.Tap, n.MAC))
		ipv6 = append(ipv6, element(n.Tap, LinkLocal(n.MAC).AsSlice()))
		for _, a := range n.Addresses {
			if a.Is4() {
				ipv4 = append(ipv4, element(n.Tap, a.AsSlice()))
			} else {
				ipv6 = append(ipv6, element(n.Tap, a.AsSlice()))
			}
		}
	}
	macSet := b.set("mac", false, macs, nftables.TypeIFName, nftables.TypeEtherAddr)
	set4 := b.set("ipv4", false, ipv4, nftables.TypeIFName, nftables.TypeIPAddr)
	set6 := b.set("ipv6", false, ipv6, nftables.TypeIFName, nftables.TypeIP6Addr)
	arp, ip4, ip6 := b.arp(macSet, set4), b.ip4(set4), b.ip6(set6)

	in := b.base("prerouting", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, *nftables.ChainPriorityRaw)
	b.add(in, fromNone(b.rules.Taps), accept)
	b.add(in, foreign(macSet, ethernet, 6, 6), drop)
	b.add(in, dispatch(expr.MetaKeyIIFNAME, b.limits("tx", func(n NIC) Limits { return n.Tx })))
	b.add(in, etherType(unix.ETH_P_ARP), goTo(arp.Name))
	b.add(in, etherType(unix.ETH_P_IP), goTo(ip4.Name))
	b.add(in, etherType(unix.ETH_P_IPV6), goTo(ip6.Name))
	b.add(in, drop)

	b.reflections(b.set("itself", false, itself, nftables.TypeIFName, nftables.TypeIFName))

	out := b.base("postrouting", nftables.ChainTypeFilter, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource)
	b.add(out, dispatch(expr.MetaKeyOIFNAME, b.limits("rx", func(n NIC) Limits { return n.Rx })))
}

// reflections makes the chain that keeps from a VM what it has sent to many.
func (b *builder) reflections(itself *nftables.Set) {
	c := b.base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter)
	b.add(c,
		match{load(first, ethernet, 0, 1), &expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 1, Mask: []byte{1}, Xor: []byte{0}}, equal([]byte{1})},
		match{
			meta(expr.MetaKeyIIFNAME), &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: second},
			&expr.Lookup{SourceRegister: first, SetID: itself.ID, SetName: itself.Name},
		}, drop)
}

// arp makes the chain of ARP, which is about IPv4 over Ethernet only.
func (b *builder) arp(macs, set4 *nftables.Set) *nftables.Chain {
	c := b.chain("arp")
	b.add(c, match{load(first, network, 0, 6), unlike([]byte{0, 1, 8, 0, 6, 4})}, drop)
	b.add(c, foreign(macs, network, 8, 6), drop)
	b.add(c, foreign(set4, network, 14, 4), drop)
	b.add(c, accept)
	return c
}

func (b *builder) ip4(set4 *nftables.Set) *nftables.Chain {
	c := b.chain("ipv4")
	b.add(c, foreign(set4, network, source4, 4), drop)
	b.add(c, accept)
	return c
}

// ip6 makes the chain of IPv6. VMs are no routers. An address may be claimed
// by its interface alone, also before it has it, when it asks from none
// whether another has it.
func (b *builder) ip6(set6 *nftables.Set) *nftables.Chain {
	c := b.chain("ipv6")
	target := func(what func(*nftables.Set, expr.PayloadBase, uint32, uint32) match) match {
		return what(set6, transport, 8, 16)
	}
	b.add(c, icmp6(routerAdvertisement), drop)
	b.add(c, icmp6(redirectMessage), drop)
	b.add(c, icmp6(neighborAdvertise), target(foreign), drop)
	nobody := sourceIn(netip.PrefixFrom(netip.IPv6Unspecified(), 128))
	b.add(c, nobody, icmp6(neighborSolicit), target(own), accept)
	b.add(c, nobody, icmp6(multicastReport), accept)
	b.add(c, foreign(set6, network, source6, 16), drop)
	b.add(c, accept)
	return c
}

// LinkLocal returns the link-local address that is made from a MAC (RFC 4291,
// appendix A).
func LinkLocal(mac net.HardwareAddr) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5],
	})
}

// What passes at once although it is beyond the rate of a moment. Bytes come
// in pieces of up to 64 KiB.
const (
	leastBurst        = 256 << 10
	leastBurstPackets = 64
	burstsPerSecond   = 10
)

// limits makes the map from links to what drops beyond their limits.
func (b *builder) limits(direction string, of func(NIC) Limits) *nftables.Set {
	var elements []nftables.SetElement
	for _, n := range b.rules.NICs {
		l := of(n)
		if l == (Limits{}) {
			continue
		}
		c := b.chain(n.Tap + "_" + direction)
		for _, each := range []*expr.Limit{
			limit(expr.LimitTypePktBytes, l.Bytes, leastBurst), limit(expr.LimitTypePkts, l.Packets, leastBurstPackets),
		} {
			if each.Rate > 0 {
				b.add(c, match{each}, drop)
			}
		}
		elements = append(elements, nftables.SetElement{
			Key: nameOf(n.Tap), VerdictData: &expr.Verdict{Kind: expr.VerdictJump, Chain: c.Name},
		})
	}
	return b.set(direction, true, elements, nftables.TypeIFName)
}

func limit(kind expr.LimitType, rate, leastBurst uint64) *expr.Limit {
	burst := min(max(rate/burstsPerSecond, leastBurst), 1<<31)
	return &expr.Limit{Type: kind, Rate: rate, Unit: expr.LimitTimeSecond, Burst: uint32(burst), Over: true}
}
