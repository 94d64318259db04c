package main

import (
	"net"
	"net/netip"
	"strings"
)

// maxBlocked bounds the addresses that guests are kept from.
const maxBlocked = 64

// cardAddresses returns what returns the card's own addresses, which guests may
// not reach. Where the compute host is the same machine it is nil: guests reach
// no address of their host.
func cardAddresses(link string) func() []string {
	if strings.HasPrefix(link, "unix:") {
		return nil
	}
	return func() []string {
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return nil // the API asks for a certificate all the same
		}
		return ownPrefixes(addrs)
	}
}

// ownPrefixes are the addresses, but for those that no other machine reaches.
func ownPrefixes(addrs []net.Addr) []string {
	var out []string
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err != nil || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() || len(out) == maxBlocked {
			continue
		}
		ip := p.Addr().Unmap()
		out = append(out, netip.PrefixFrom(ip, ip.BitLen()).String())
	}
	return out
}
