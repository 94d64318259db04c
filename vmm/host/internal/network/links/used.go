package links

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Used is a range of addresses that the host has to do with itself.
type Used struct {
	Prefix netip.Prefix
	// By says what of the host uses it.
	By string
}

// ListUsed returns what addresses and routes of the host take, ordered, save
// default routes, what no network can have anyway, and what is on links whose
// names begin with except.
func ListUsed(except string) ([]Used, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	names := map[int]string{}
	for _, link := range all {
		names[link.Attrs().Index] = link.Attrs().Name
	}
	used, err := usedByAddresses(names, except)
	if err != nil {
		return nil, err
	}
	routed, err := usedByRoutes(names, except)
	if err != nil {
		return nil, err
	}
	used = append(used, routed...)
	// Of equal prefixes the address, which came first, says it better.
	slices.SortStableFunc(used, func(a, b Used) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return slices.CompactFunc(used, func(a, b Used) bool { return a.Prefix == b.Prefix }), nil
}

func usedByAddresses(names map[int]string, except string) ([]Used, error) {
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var used []Used
	for _, a := range addrs {
		p, name := prefixOf(a.IPNet), names[a.LinkIndex]
		if strings.HasPrefix(name, except) || !Routable(p) {
			continue
		}
		used = append(used, Used{p.Masked(), fmt.Sprintf("the address %s of %s", p.Addr(), name)})
	}
	return used, nil
}

func usedByRoutes(names map[int]string, except string) ([]Used, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var used []Used
	for _, r := range routes {
		if r.Dst == nil {
			continue
		}
		p, name := prefixOf(r.Dst), names[r.LinkIndex]
		if !Routable(p) || name != "" && strings.HasPrefix(name, except) {
			continue
		}
		by := "a route of the host"
		if name != "" {
			by = "a route through " + name
		}
		used = append(used, Used{p.Masked(), by})
	}
	return used, nil
}

// Routable reports whether addresses of p can be those of a network: neither
// of the loopback, nor link-local, nor multicast, nor without meaning.
func Routable(p netip.Prefix) bool {
	a := p.Addr()
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.IsLinkLocalUnicast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isDefault reports whether a route to n is one to everywhere.
func isDefault(n *net.IPNet) bool { return prefixOf(n).Bits() == 0 }

// Uplinks returns the links that routes of the host lead through, save the
// loopback and those whose names begin with except.
func Uplinks(except string) ([]string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var names []string
	for _, r := range routes {
		if r.Dst != nil && !Routable(prefixOf(r.Dst)) && !isDefault(r.Dst) {
			continue
		}
		hops := []int{r.LinkIndex}
		for _, hop := range r.MultiPath {
			hops = append(hops, hop.LinkIndex)
		}
		for _, index := range hops {
			link, err := netlink.LinkByIndex(index)
			if err != nil {
				continue // of several hops, or gone meanwhile
			}
			if name := link.Attrs().Name; name != "lo" && !strings.HasPrefix(name, except) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
