// Package links makes the bridges and taps that networks of VMs consist of.
//
// Each Ensure makes what is not there and mends what is otherwise than asked,
// so that it may be repeated at any time, also by another process.
package links

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Bridge is the switch of a network, and the host's own port of it.
type Bridge struct {
	Name string
	MTU  int
	// Addresses are the host's own on it, with the prefixes that they reach.
	Addresses []netip.Prefix
}

// BridgeMAC returns the address that the bridge of that name has. It is fixed,
// so that VMs know their gateway again whatever else is on the bridge.
func BridgeMAC(name string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(name))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	return mac
}

// Ensure makes the bridge as b says, and sets it up.
func (b Bridge) Ensure() error {
	link, err := b.find()
	if err != nil {
		return err
	}
	if err := netlink.LinkSetMTU(link, b.MTU); err != nil {
		return fmt.Errorf("set MTU of %s: %w", b.Name, err)
	}
	if err := b.configure(); err != nil {
		return err
	}
	if err := b.address(link); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", b.Name, err)
	}
	return nil
}

// find returns the bridge, made if it was not there.
func (b Bridge) find() (netlink.Link, error) {
	link, err := netlink.LinkByName(b.Name)
	if err == nil {
		return link, nil
	}
	if !isMissing(err) {
		return nil, fmt.Errorf("look for bridge %s: %w", b.Name, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = b.Name, b.MTU, BridgeMAC(b.Name)
	// Nothing on it says which multicast it wants, so all get all.
	made := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: new(false)}
	if err := netlink.LinkAdd(made); err != nil {
		return nil, fmt.Errorf("make bridge %s: %w", b.Name, err)
	}
	return made, nil
}

// configure sets how the host's kernel treats the bridge.
func (b Bridge) configure() error {
	has4 := slices.ContainsFunc(b.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
	has6 := slices.ContainsFunc(b.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() })
	settings := []Setting{
		// What leaves the loopback for a VM, and the answer, may pass.
		{IPv4, b.Name, "route_localnet", flag(has4)},
		{IPv4, b.Name, "forwarding", flag(has4)},
		// A bridge without IPv6 addresses has no link-local one either.
		{IPv6, b.Name, "disable_ipv6", flag(!has6)},
		{IPv6, b.Name, "accept_ra", "0"},
		{IPv6, b.Name, "autoconf", "0"},
		{IPv6, b.Name, "forwarding", flag(has6)},
		{IPv6, b.Name, ForwardOne, flag(has6)},
	}
	for _, s := range settings {
		if err := s.Set(); err != nil {
			return err
		}
	}
	return nil
}

// address gives the bridge its addresses and takes any other away, save the
// link-local one that the kernel has made.
func (b Bridge) address(link netlink.Link) error {
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses of %s: %w", b.Name, err)
	}
	for _, a := range have {
		if a.IP.IsLinkLocalUnicast() || slices.Contains(b.Addresses, prefixOf(a.IPNet)) {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return fmt.Errorf("take address %s from %s: %w", a.IPNet, b.Name, err)
		}
	}
	for _, p := range b.Addresses {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // no other may have it, and it is of use at once
		}
		if err := netlink.AddrReplace(link, a); err != nil {
			return fmt.Errorf("give address %s to %s: %w", p, b.Name, err)
		}
	}
	return nil
}

// Remove removes a link. One that does not exist is removed.
func Remove(name string) error {
	link, err := netlink.LinkByName(name)
	if isMissing(err) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// List returns the names of all links that begin with prefix.
func List(prefix string) ([]string, error) {
	all, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var names []string
	for _, link := range all {
		if name := link.Attrs().Name; strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func isMissing(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefixOf(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}
