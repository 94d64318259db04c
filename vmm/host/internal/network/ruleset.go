package network

import (
	"net/netip"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
	"github.com/cardplane/cardplane/vmm/host/internal/network/rules"
)

// What the records say, as links and rules.

func bridgeOf(rec networkRecord) links.Bridge {
	return links.Bridge{Name: rec.Bridge, MTU: rec.Spec.Mtu, Addresses: gatewaysOf(rec.Spec)}
}

func (m *Manager) tapOf(rec nicRecord) links.Tap {
	on := m.networks[rec.Spec.Network]
	return links.Tap{
		Name: rec.Tap, Bridge: on.Bridge, MTU: on.Spec.Mtu, UID: rec.UID,
		GuestMAC: macOf(rec.Spec), Isolated: on.Spec.Isolated,
	}
}

// ruleset returns the rules that the records make.
func (m *Manager) ruleset() rules.Ruleset {
	set := rules.Ruleset{
		Table: m.names.table, Bridges: m.names.bridges, Taps: m.names.taps, Kin: kin,
		Guarded4: m.forwarding.IPv4, Guarded6: m.forwarding.IPv6,
	}
	for _, rec := range sorted(m.networks, func(r networkRecord) string { return r.ID }) {
		set.Networks = append(set.Networks, rules.Network{
			Bridge: rec.Bridge, Prefixes: gatewaysOf(rec.Spec), Isolated: rec.Spec.Isolated,
			Outbound: rec.Spec.Outbound == hostapi.OutboundMasquerade, Blocked: prefixes(rec.Spec.Blocked),
		})
	}
	for _, rec := range sorted(m.nics, func(r nicRecord) string { return r.key().String() }) {
		rx, tx := limitsOf(rec.Spec.Limits)
		set.NICs = append(set.NICs, rules.NIC{Tap: rec.Tap, MAC: macOf(rec.Spec), Addresses: addresses(rec.Spec), Rx: rx, Tx: tx})
	}
	for _, rec := range sorted(m.forwards, func(r forwardRecord) string { return r.ID }) {
		set.Forwards = append(set.Forwards, rules.Forward{
			Protocol: protocolOf(rec.Spec), HostAddress: hostAddress(rec.Spec), HostPort: uint16(rec.HostPort),
			Bridge: m.networks[rec.Spec.Network].Bridge, To: target(rec.Spec),
		})
	}
	return set
}

func limitsOf(l *hostapi.NICLimits) (rx, tx rules.Limits) {
	if l == nil {
		return rx, tx
	}
	rate := func(n *int64) uint64 {
		if n == nil {
			return 0
		}
		return uint64(*n)
	}
	return rules.Limits{Bytes: rate(l.RxBytesPerSecond), Packets: rate(l.RxPacketsPerSecond)},
		rules.Limits{Bytes: rate(l.TxBytesPerSecond), Packets: rate(l.TxPacketsPerSecond)}
}

func protocolOf(spec hostapi.ForwardSpec) uint8 {
	if spec.Protocol == hostapi.ProtocolUDP {
		return rules.UDP
	}
	return rules.TCP
}

// target is where a forward, which has been checked, leads.
func target(spec hostapi.ForwardSpec) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(spec.Address), uint16(spec.Port))
}

// hostAddress is the zero Addr for all addresses of the host.
func hostAddress(spec hostapi.ForwardSpec) netip.Addr {
	a, _ := netip.ParseAddr(spec.HostAddress)
	return a
}
