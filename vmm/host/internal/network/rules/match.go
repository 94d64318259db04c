package rules

import (
	"net/netip"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A match is a part of a rule: what a packet has to be like. Matches of one
// rule are joined, and the verdict comes last.
type match []expr.Any

// rule joins parts.
func rule(parts ...match) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// Registers. Two of 16 bytes that follow each other hold a key of two parts.
const (
	first  = unix.NFT_REG_1
	second = unix.NFT_REG_2
)

// Verdicts.
var (
	accept = match{&expr.Verdict{Kind: expr.VerdictAccept}}
	drop   = match{&expr.Verdict{Kind: expr.VerdictDrop}}
	// leave ends the chain, and base chains with their policy.
	leave = match{&expr.Verdict{Kind: expr.VerdictReturn}}
)

func jump(chain string) match { return match{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}} }

// goTo is jump without a way back.
func goTo(chain string) match { return match{&expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}} }

func equal(data []byte) *expr.Cmp { return &expr.Cmp{Op: expr.CmpOpEq, Register: first, Data: data} }
func unlike(data []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpNeq, Register: first, Data: data}
}

// nameOf renders the name of a link as the kernel compares it whole.
func nameOf(link string) []byte {
	return append([]byte(link), make([]byte, unix.IFNAMSIZ-len(link))...)
}

func meta(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: first} }

// from and to match by the link that a packet came by, and goes by.
func from(link string) match { return match{meta(expr.MetaKeyIIFNAME), equal(nameOf(link))} }
func to(link string) match   { return match{meta(expr.MetaKeyOIFNAME), equal(nameOf(link))} }

// As from and to, by the beginning of the link's name.
func fromAny(prefix string) match  { return match{meta(expr.MetaKeyIIFNAME), equal([]byte(prefix))} }
func toAny(prefix string) match    { return match{meta(expr.MetaKeyOIFNAME), equal([]byte(prefix))} }
func fromNone(prefix string) match { return match{meta(expr.MetaKeyIIFNAME), unlike([]byte(prefix))} }
func toNone(prefix string) match   { return match{meta(expr.MetaKeyOIFNAME), unlike([]byte(prefix))} }

// load puts bytes of a header into a register.
func load(register uint32, base expr.PayloadBase, offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
}

// Headers that bytes are loaded from.
const (
	ethernet  = expr.PayloadBaseLLHeader
	network   = expr.PayloadBaseNetworkHeader
	transport = expr.PayloadBaseTransportHeader
)

// bytesAre matches bytes of a header.
func bytesAre(base expr.PayloadBase, offset uint32, data []byte) match {
	return match{load(first, base, offset, uint32(len(data))), equal(data)}
}

// etherType matches by what a frame says that it carries; a VLAN's tag is
// such a type too.
func etherType(kind uint16) match {
	return bytesAre(ethernet, 12, binaryutil.BigEndian.PutUint16(kind))
}

// family matches packets of the family of a.
func family(a netip.Addr) match {
	if a.Is4() {
		return match{meta(expr.MetaKeyNFPROTO), equal([]byte{unix.NFPROTO_IPV4})}
	}
	return match{meta(expr.MetaKeyNFPROTO), equal([]byte{unix.NFPROTO_IPV6})}
}

// Places of addresses in the headers of IPv4 and IPv6.
const (
	source4, destination4 = 12, 16
	source6, destination6 = 8, 24
)

// within matches packets whose address at offset4 or offset6 is of p.
func within(p netip.Prefix, offset4, offset6 uint32) match {
	offset := offset4
	if p.Addr().Is6() {
		offset = offset6
	}
	length := p.Addr().BitLen() / 8
	mask := make([]byte, length)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return rule(family(p.Addr()), match{
		load(first, network, offset, uint32(length)),
		&expr.Bitwise{SourceRegister: first, DestRegister: first, Len: uint32(length), Mask: mask, Xor: make([]byte, length)},
		equal(p.Masked().Addr().AsSlice()),
	})
}

func sourceIn(p netip.Prefix) match      { return within(p, source4, source6) }
func destinationIn(p netip.Prefix) match { return within(p, destination4, destination6) }

func destinationIs(a netip.Addr) match { return destinationIn(netip.PrefixFrom(a, a.BitLen())) }

// destinationIsHost matches packets to any address of the host.
func destinationIsHost() match {
	return match{
		&expr.Fib{Register: first, FlagDADDR: true, ResultADDRTYPE: true},
		equal(binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)),
	}
}

func protocol(number uint8) match { return match{meta(expr.MetaKeyL4PROTO), equal([]byte{number})} }

// port matches by the destination's port, of TCP and UDP alike.
func port(n uint16) match { return bytesAre(transport, 2, binaryutil.BigEndian.PutUint16(n)) }

// icmp and icmp6 match by the type of the message.
func icmp(kind byte) match {
	return rule(family(netip.IPv4Unspecified()), protocol(unix.IPPROTO_ICMP), bytesAre(transport, 0, []byte{kind}))
}

func icmp6(kind byte) match {
	return rule(protocol(unix.IPPROTO_ICMPV6), bytesAre(transport, 0, []byte{kind}))
}

// ctBits matches connections that have one of the bits under key.
func ctBits(key expr.CtKey, bits uint32) match {
	zero := make([]byte, 4)
	return match{
		&expr.Ct{Key: key, Register: first},
		&expr.Bitwise{SourceRegister: first, DestRegister: first, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: zero},
		unlike(zero),
	}
}

func known() match { return ctBits(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED) }
func odd() match   { return ctBits(expr.CtKeySTATE, expr.CtStateBitINVALID) }

// statusDNAT is IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h.
const statusDNAT = 1 << 5

// redirected matches connections that a forward, or a rule of another's, has led elsewhere.
func redirected() match { return ctBits(expr.CtKeySTATUS, statusDNAT) }

// masquerade gives a connection the address of the host that it leaves by.
func masquerade() match { return match{&expr.Masq{}} }

// redirect leads a connection to another address and port.
func redirect(to netip.AddrPort) match {
	kind := uint32(unix.NFPROTO_IPV4)
	if to.Addr().Is6() {
		kind = unix.NFPROTO_IPV6
	}
	return match{
		&expr.Immediate{Register: first, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: second, Data: binaryutil.BigEndian.PutUint16(to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: kind, RegAddrMin: first, RegProtoMin: second},
	}
}
