package main

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
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

const (
	// believed is how long an answer about the name of the compute host counts,
	// and lookupTimeout how long it may take.
	believed      = time.Minute
	lookupTimeout = time.Second
)

// hostAddresses returns what returns the addresses of the compute host, as the
// link names it; nil where it names none.
func hostAddresses(link string) func() []string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "tls" && u.Scheme != "tcp" {
		return nil
	}
	var mu sync.Mutex
	var known []string
	var asked time.Time
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		if !asked.IsZero() && time.Since(asked) < believed {
			return known
		}
		ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
		defer cancel()
		if found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname()); err == nil {
			known = nil
			for _, a := range found {
				known = append(known, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()).String())
			}
		}
		asked = time.Now()
		return known
	}
}
