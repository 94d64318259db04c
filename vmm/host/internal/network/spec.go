package network

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// Bounds that the document sets.
const (
	defaultMTU, minMTU, maxMTU = 1500, 1280, 65535
	maxGateways                = 8
	maxBlocked                 = 64
	maxSources                 = 16
	maxRate                    = 1 << 40
	// MaxNICs bounds the interfaces of a VM.
	MaxNICs = 16
)

// normalNetwork returns spec checked and in the form in which two equal
// specifications are equal.
func normalNetwork(spec hostapi.NetworkSpec) (hostapi.NetworkSpec, error) {
	if spec.Mtu == 0 {
		spec.Mtu = defaultMTU
	}
	if spec.Mtu < minMTU || spec.Mtu > maxMTU {
		return spec, invalidNetwork("mtu %d is out of range; give %d to %d", spec.Mtu, minMTU, maxMTU).At("/mtu")
	}
	if !spec.Outbound.Valid() {
		return spec, invalidNetwork("outbound %.40q is no way out; give none or masquerade", spec.Outbound).At("/outbound")
	}
	if len(spec.Addresses) > maxGateways || len(spec.Blocked) > maxBlocked {
		return spec, invalidNetwork("a network has at most %d addresses and %d blocked prefixes; give fewer", maxGateways, maxBlocked)
	}
	if len(spec.Addresses) == 0 && spec.Outbound != hostapi.OutboundNone {
		return spec, invalidNetwork("a network with a way out needs an address that leads there; give addresses, or outbound none").At("/addresses")
	}
	var err error
	if spec.Addresses, err = normalGateways(spec.Addresses); err != nil {
		return spec, err
	}
	spec.Blocked = slices.Clone(spec.Blocked)
	for i, text := range spec.Blocked {
		p, err := netip.ParsePrefix(text)
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return spec, invalidNetwork("blocked %.64q is no prefix; give one such as 192.0.2.0/24, with zeroes beyond its length", text).At("/blocked")
		}
		spec.Blocked[i] = p.String()
	}
	if spec.Blocked == nil {
		spec.Blocked = []string{}
	}
	return spec, nil
}

func normalGateways(texts []string) ([]string, error) {
	out := []string{}
	var seen []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil || !links.Routable(p) || p.Addr().Is4In6() || p.Addr() == p.Masked().Addr() || p.Bits() < 8 || p.Bits() > p.Addr().BitLen()-2 {
			return nil, invalidNetwork("%.64q is no address of a gateway; give one within a prefix that has room for VMs, such as 10.88.0.1/24", text).At("/addresses")
		}
		for _, other := range seen {
			if p.Overlaps(other) {
				return nil, invalidNetwork("%s and %s overlap; give the network each prefix once", other, p).At("/addresses")
			}
		}
		seen = append(seen, p)
		out = append(out, p.String())
	}
	return out, nil
}

func invalidNetwork(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "invalid_network", format, args...)
}

// gatewaysOf returns the network's own addresses with their prefixes, which
// have been checked.
func gatewaysOf(spec hostapi.NetworkSpec) []netip.Prefix { return prefixes(spec.Addresses) }

func prefixes(texts []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// normalNIC returns spec checked and in the form in which two equal
// specifications are equal.
func normalNIC(spec hostapi.NICSpec) (hostapi.NICSpec, error) {
	mac, err := net.ParseMAC(spec.Mac)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00" || !strings.Contains(spec.Mac, ":") {
		return spec, invalidNIC("%.40q is no address of an interface; give a unicast MAC such as 02:1d:5a:00:00:02", spec.Mac).At("/mac")
	}
	spec.Mac = mac.String()
	if len(spec.Addresses) > maxSources {
		return spec, invalidNIC("%d addresses are too many; give at most %d", len(spec.Addresses), maxSources).At("/addresses")
	}
	addresses := []string{}
	for _, text := range spec.Addresses {
		a, err := parseAddress(text)
		if err != nil {
			return spec, invalidNIC("%.64q is no address that a VM can have; give one such as 10.88.0.2", text).At("/addresses")
		}
		if slices.Contains(addresses, a.String()) {
			return spec, invalidNIC("address %s is given twice; give it once", a).At("/addresses")
		}
		addresses = append(addresses, a.String())
	}
	spec.Addresses = addresses
	return spec, checkLimits(&spec)
}

// checkLimits refuses what is no rate, and leaves out what is no limit.
func checkLimits(spec *hostapi.NICSpec) error {
	if spec.Limits == nil {
		return nil
	}
	l := *spec.Limits
	for name, rate := range map[string]**int64{
		"rxBytesPerSecond": &l.RxBytesPerSecond, "txBytesPerSecond": &l.TxBytesPerSecond,
		"rxPacketsPerSecond": &l.RxPacketsPerSecond, "txPacketsPerSecond": &l.TxPacketsPerSecond,
	} {
		switch {
		case *rate == nil:
		case **rate < 0 || **rate > maxRate:
			return invalidNIC("%s %d is out of range; give 0 to %d", name, **rate, int64(maxRate)).At("/limits/" + name)
		case **rate == 0:
			*rate = nil
		}
	}
	spec.Limits = &l
	if l == (hostapi.NICLimits{}) {
		spec.Limits = nil
	}
	return nil
}

func invalidNIC(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "invalid_nic", format, args...)
}

// parseAddress reads an address that a VM can have.
func parseAddress(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return a, err
	}
	if a.Is4In6() || a.Zone() != "" || !links.Routable(netip.PrefixFrom(a, a.BitLen())) {
		return a, invalidNIC("%s is no address of a VM", a)
	}
	return a, nil
}

// normalForward returns spec checked and in the form in which two equal
// specifications are equal.
func normalForward(spec hostapi.ForwardSpec) (hostapi.ForwardSpec, error) {
	if !spec.Protocol.Valid() {
		return spec, invalidForward("protocol %.40q is not forwarded; give tcp or udp", spec.Protocol).At("/protocol")
	}
	if spec.HostPort < 0 || spec.HostPort > 65535 {
		return spec, invalidForward("hostPort %d is out of range; give 0 to 65535", spec.HostPort).At("/hostPort")
	}
	if spec.Port < 1 || spec.Port > 65535 {
		return spec, invalidForward("port %d is out of range; give 1 to 65535", spec.Port).At("/port")
	}
	to, err := parseAddress(spec.Address)
	if err != nil {
		return spec, invalidForward("%.64q is no address that a VM can have; give one such as 10.88.0.2", spec.Address).At("/address")
	}
	spec.Address = to.String()
	if spec.HostAddress == "" {
		return spec, nil
	}
	host, err := netip.ParseAddr(spec.HostAddress)
	if err != nil || host.Is4In6() || host.Zone() != "" || host.IsMulticast() || host.IsLinkLocalUnicast() {
		return spec, invalidForward("%.64q is no address of the host; give one, or none for all", spec.HostAddress).At("/hostAddress")
	}
	if host.Is4() != to.Is4() {
		return spec, invalidForward("%s and %s are of different families; give two of IPv4 or two of IPv6", host, to).At("/hostAddress")
	}
	if host.IsUnspecified() {
		spec.HostAddress = "" // all of that family
		return spec, nil
	}
	if host == netip.IPv6Loopback() {
		return spec, apierr.New(apierr.NotSupported, "host_address_unavailable",
			"no kernel leads what comes from ::1 anywhere else; give 127.0.0.1 and an IPv4 address of the VM").At("/hostAddress")
	}
	spec.HostAddress = host.String()
	return spec, nil
}

func invalidForward(format string, args ...any) *apierr.Error {
	return apierr.New(apierr.InvalidArgument, "invalid_forward", format, args...)
}
