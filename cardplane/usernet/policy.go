package usernet

import "net/netip"

// never are addresses that guests do not reach through any network: such of the
// card itself or of its link, of many at once, and such that mean none.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
	netip.MustParsePrefix("::/8"),        // loopback, unspecified, IPv4 in disguise
	netip.MustParsePrefix("fe80::/9"),    // of a link or a site
	netip.MustParsePrefix("ff00::/8"),
}

// Leads reports whether a guest's connection to an address is made.
func (n *Network) Leads(to netip.Addr) bool {
	if n.cfg.Internal || !to.IsValid() || to.Zone() != "" {
		return false
	}
	to = plain(to)
	for _, s := range n.cfg.Subnets {
		if s.Prefix.Contains(to) {
			return false
		}
	}
	return !within(never, to) && (n.cfg.Blocked == nil || !within(n.cfg.Blocked(), to))
}

// translated is where networks translate IPv6 to IPv4, RFC 6052.
var translated = netip.MustParsePrefix("64:ff9b::/96")

// plain is the address that a connection really goes to.
func plain(to netip.Addr) netip.Addr {
	if translated.Contains(to) {
		raw := to.As16()
		return netip.AddrFrom4([4]byte(raw[12:]))
	}
	return to.Unmap()
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
