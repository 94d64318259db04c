package rules

import (
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// routed makes the table of what the host routes: between networks and to the
// outside, to itself, and through forwards.
func (b *builder) routed() {
	b.begin(nftables.TableFamilyINet)
	b.forwards()
	b.source()
	b.passing()
	b.arriving()
}

// forwards makes the chains that lead connections to the host's ports into
// networks: those that arrive, and those of the host's own programs. VMs that
// have no way out have none through forwards either.
func (b *builder) forwards() {
	in := b.base("prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, *nftables.ChainPriorityNATDest)
	for _, n := range b.rules.Networks {
		if !n.Outbound {
			b.add(in, from(n.Bridge), leave)
		}
	}
	out := b.base("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, *nftables.ChainPriorityNATDest)
	// What has come from there cannot leave: the kernel takes no answer to it.
	b.add(out, destinationIs(netip.IPv6Loopback()), leave)
	for _, f := range b.rules.Forwards {
		where := destinationIsHost()
		if f.HostAddress.IsValid() {
			where = destinationIs(f.HostAddress)
		}
		parts := []match{family(f.To.Addr()), where, protocol(f.Protocol), port(f.HostPort), redirect(f.To)}
		b.add(out, parts...)
		if !f.HostAddress.IsLoopback() {
			b.add(in, parts...)
		}
	}
}

// source makes the chain that gives connections another source: those that
// leave a network, and those through a forward whose answers would not come
// back by the host.
func (b *builder) source() {
	c := b.base("postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource)
	for _, n := range b.rules.Networks {
		inward := rule(to(n.Bridge), redirected())
		if n.Outbound {
			b.add(c, from(n.Bridge), toNone(b.rules.Bridges), masquerade())
			for _, p := range slices.Concat(n.Prefixes, []netip.Prefix{loopback4()}) {
				b.add(c, inward, sourceIn(p), masquerade())
			}
		} else {
			b.add(c, inward, masquerade())
		}
	}
}

// loopback4 is what the loopback of IPv4 has.
func loopback4() netip.Prefix { return netip.MustParsePrefix("127.0.0.0/8") }

// passing makes the chains of what the host passes on. New connections go out
// of networks that have a way out, and into a network through a forward.
func (b *builder) passing() {
	in, out := b.chain("into_networks"), b.chain("out_of_networks")
	forwarded := b.chain("forwarded")
	for _, f := range b.rules.Forwards {
		b.add(forwarded, to(f.Bridge), redirected(), destinationIs(f.To.Addr()), protocol(f.Protocol), port(f.To.Port()), accept)
	}
	b.add(in, known(), accept)
	b.add(in, jump(forwarded.Name))
	b.add(in, drop)

	b.outward(out, forwarded)

	c := b.base("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter)
	b.add(c, fromAny(b.rules.Bridges), goTo(out.Name))
	b.add(c, toAny(b.rules.Bridges), goTo(in.Name))
	for _, link := range b.rules.Guarded4 {
		b.add(c, family(netip.IPv4Unspecified()), from(link), toNone(b.rules.Kin), drop)
	}
	for _, link := range b.rules.Guarded6 {
		b.add(c, family(netip.IPv6Unspecified()), from(link), toNone(b.rules.Kin), drop)
	}
}

// outward fills the chain of what comes from VMs. Where bridges call the
// filter of IP too (br_netfilter), what they switch comes here as well, from a
// bridge to itself.
func (b *builder) outward(c, forwarded *nftables.Chain) {
	for _, n := range b.rules.Networks {
		if !n.Isolated {
			b.add(c, from(n.Bridge), to(n.Bridge), accept)
		}
	}
	b.add(c, known(), accept)
	b.add(c, odd(), drop) // it would leave with the VM's address
	for _, n := range b.rules.Networks {
		if !n.Outbound {
			b.add(c, from(n.Bridge), drop)
		}
	}
	b.add(c, toAny(b.rules.Bridges), jump(forwarded.Name))
	b.add(c, toAny(b.rules.Bridges), drop)
	for _, n := range b.rules.Networks {
		for _, p := range n.Blocked {
			b.add(c, from(n.Bridge), destinationIn(p), drop)
		}
		if n.Outbound {
			b.add(c, from(n.Bridge), accept)
		}
	}
	b.add(c, drop)
}

// echoRequest is the type of an ICMP message, RFC 792.
const echoRequest = 8

// arriving makes the chain of what is for the host itself. VMs get answers,
// find their gateway, and may ask whether it is there.
func (b *builder) arriving() {
	c := b.base("input", nftables.ChainTypeFilter, nftables.ChainHookInput, *nftables.ChainPriorityFilter)
	b.add(c, fromNone(b.rules.Bridges), leave)
	b.add(c, known(), accept)
	for _, m := range []match{icmp(echoRequest), icmp6(echoRequest6), icmp6(neighborSolicit), icmp6(neighborAdvertise)} {
		b.add(c, m, accept)
	}
	b.add(c, drop)
}

// Protocols of forwards.
const (
	TCP uint8 = unix.IPPROTO_TCP
	UDP uint8 = unix.IPPROTO_UDP
)
