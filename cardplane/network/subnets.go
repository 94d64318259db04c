package network

import (
	"fmt"
	"net/netip"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// subnetBits and subnetBits6 are the prefix lengths of subnets that are
	// chosen.
	subnetBits, subnetBits6 = 24, 64
	// minBits and minBits6 are the shortest that a user may choose, maxBits and
	// maxBits6 the longest: there is room for a gateway and a container.
	minBits, maxBits   = 8, 30
	minBits6, maxBits6 = 32, 126
	// maxTries bounds the search for an IPv6 subnet that is free.
	maxTries = 4096
)

// pools are where IPv4 subnets are chosen from, in this order.
var pools = []netip.Prefix{
	netip.MustParsePrefix("10.88.0.0/16"), netip.MustParsePrefix("172.28.0.0/14"),
	netip.MustParsePrefix("192.168.128.0/17"), netip.MustParsePrefix("10.128.0.0/9"),
}

// pool6 is where IPv6 subnets are chosen from: one of the ranges for local use
// (RFC 4193, section 3.1).
var pool6 = netip.MustParsePrefix("fd63:7264:706c::/48")

// parseSubnets reads what a user has asked for.
func parseSubnets(list []cardplane.Subnet) ([]netip.Prefix, error) {
	if len(list) > cardplane.MaxSubnets {
		return nil, apierr.New(apierr.InvalidArgument, "invalid_subnet", "%d subnets are too many; a network can have %d", len(list), cardplane.MaxSubnets).At("/subnets")
	}
	var out []netip.Prefix
	for i, subnet := range list {
		field := fmt.Sprintf("/subnets/%d", i)
		p, err := parseSubnet(field+"/prefix", subnet.Prefix)
		if err != nil {
			return nil, err
		}
		for _, other := range out {
			if p.Overlaps(other) {
				return nil, overlaps(field+"/prefix", p, "the subnet "+other.String())
			}
		}
		if _, err := gateway(field+"/gateway", p, subnet.Gateway); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func parseSubnet(field, text string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	shortest, longest := minBits, maxBits
	if err == nil && p.Addr().Is6() {
		shortest, longest = minBits6, maxBits6
	}
	a := p.Addr()
	switch {
	case err != nil || p.Masked() != p || a.Is4In6():
		return p, apierr.New(apierr.InvalidArgument, "invalid_subnet", "%q is no subnet; write its first address and the prefix length, such as 10.5.0.0/24", text).At(field)
	case p.Bits() < shortest || p.Bits() > longest:
		return p, apierr.New(apierr.InvalidArgument, "invalid_subnet", "the subnet %s has no fitting size; its prefix length is %d to %d", p, shortest, longest).At(field)
	case a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.IsLinkLocalUnicast():
		return p, apierr.New(apierr.InvalidArgument, "invalid_subnet", "the subnet %s has addresses that no container can have; use one such as 10.5.0.0/24", p).At(field)
	}
	return p, nil
}

// gateway returns the gateway of a subnet, its first address where text is
// empty.
func gateway(field string, p netip.Prefix, text string) (netip.Addr, error) {
	if text == "" {
		return p.Addr().Next(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !usable(p, a) {
		return a, apierr.New(apierr.InvalidArgument, "invalid_gateway", "%q cannot be the gateway of %s; use an address in it, neither the first nor the last", text, p).At(field)
	}
	return a, nil
}

// usable reports whether an interface may have the address: it is in the
// subnet, and stands neither for the subnet itself nor for all that are in it.
func usable(p netip.Prefix, a netip.Addr) bool {
	return p.Contains(a) && a != p.Addr() && a != last(p)
}

// last returns the last address of a subnet.
func last(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(raw) // its length is an address's
	return a
}

func overlaps(field string, p netip.Prefix, with string) error {
	return apierr.New(apierr.FailedPrecondition, "subnet_overlaps", "the subnet %s overlaps %s; choose another", p, with).At(field)
}

// subnetsLocked returns the subnets of a new network, none of which overlaps
// another network's or what the host uses.
func (s *Service) subnetsLocked(spec cardplane.NetworkSpec, used []Used) ([]cardplane.Subnet, error) {
	for _, n := range s.byName {
		for _, p := range prefixes(n) {
			used = append(used, Used{p, fmt.Sprintf("the network %q", n.Name)})
		}
	}
	prefixes, err := parseSubnets(spec.Subnets)
	if err != nil {
		return nil, err
	}
	for i, p := range prefixes {
		if by := taken(p, used); by != "" {
			return nil, overlaps(fmt.Sprintf("/subnets/%d/prefix", i), p, by)
		}
	}
	prefixes, err = choose(prefixes, spec.IPv6, used)
	if err != nil {
		return nil, err
	}
	var out []cardplane.Subnet
	for i, p := range prefixes {
		given := ""
		if i < len(spec.Subnets) {
			given = spec.Subnets[i].Gateway
		}
		a, err := gateway("/subnets", p, given)
		if err != nil {
			return nil, err
		}
		out = append(out, cardplane.Subnet{Prefix: p.String(), Gateway: a.String()})
	}
	return out, nil
}

// choose adds the subnets that are missing.
func choose(given []netip.Prefix, ipv6 bool, used []Used) ([]netip.Prefix, error) {
	has6 := false
	for _, p := range given {
		has6 = has6 || p.Addr().Is6()
	}
	if len(given) == 0 {
		p, err := free(pools, subnetBits, used)
		if err != nil {
			return nil, err
		}
		given = append(given, p)
	}
	if !ipv6 || has6 {
		return given, nil
	}
	p, err := free([]netip.Prefix{pool6}, subnetBits6, used)
	return append(given, p), err
}

// free returns the first part of the pools, of that prefix length, that nothing
// uses.
func free(pools []netip.Prefix, bits int, used []Used) (netip.Prefix, error) {
	for _, pool := range pools {
		p := netip.PrefixFrom(pool.Addr(), bits)
		for range maxTries {
			if !pool.Contains(p.Addr()) {
				break
			}
			if taken(p, used) == "" {
				return p, nil
			}
			p = netip.PrefixFrom(last(p).Next(), bits)
		}
	}
	return netip.Prefix{}, apierr.New(apierr.ResourceExhausted, "subnets_exhausted",
		"no range of private addresses is left to choose a subnet from; name one, or remove networks with `cardctl network prune`").At("/subnets")
}

// taken says what uses a part of p, "" for nothing.
func taken(p netip.Prefix, used []Used) string {
	for _, u := range used {
		if u.Prefix.Overlaps(p) {
			return u.By
		}
	}
	return ""
}

// prefixes returns the subnets of a network.
func prefixes(n cardplane.Network) []netip.Prefix {
	var out []netip.Prefix
	for _, subnet := range n.Subnets {
		if p, err := netip.ParsePrefix(subnet.Prefix); err == nil { // it was checked
			out = append(out, p)
		}
	}
	return out
}
