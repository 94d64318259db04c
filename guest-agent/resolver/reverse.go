package resolver

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	suffix4 = ".in-addr.arpa"
	suffix6 = ".ip6.arpa"
	// nibbles is how many hexadecimal digits an IPv6 address has.
	nibbles = 32
	// groupLength is how many of them stand between colons.
	groupLength = 4
)

// reversed returns the address that a name asks for backwards: of IPv4 "4.3.2.1"
// and of IPv6 all digits, before a suffix.
func reversed(name string) (netip.Addr, bool) {
	if digits, ok := strings.CutSuffix(name, suffix4); ok {
		parts := strings.Split(digits, ".")
		slices.Reverse(parts)
		a, err := netip.ParseAddr(strings.Join(parts, "."))
		return a, err == nil && a.Is4()
	}
	digits, ok := strings.CutSuffix(name, suffix6)
	parts := strings.Split(digits, ".")
	if !ok || len(parts) != nibbles {
		return netip.Addr{}, false
	}
	slices.Reverse(parts)
	var groups []string
	for group := range slices.Chunk(parts, groupLength) {
		groups = append(groups, strings.Join(group, ""))
	}
	a, err := netip.ParseAddr(strings.Join(groups, ":"))
	return a, err == nil && a.Is6()
}
