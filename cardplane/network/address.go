package network

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// macLocal and macOurs begin a MAC address that is made up: administered
	// locally, for one host.
	macLocal, macOurs = 0x02, 0x63
	macLength         = 6
	// maxSearch bounds the search for a free address. More containers than
	// that, no host runs.
	maxSearch = 1 << 16
)

// CheckNIC checks what can be checked of n before the network is known. field is
// where it stands.
func CheckNIC(field string, n cardplane.NIC) error {
	if err := CheckName(field+"/network", n.Network); err != nil {
		return err
	}
	for _, text := range n.Addresses {
		if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
			return apierr.New(apierr.InvalidArgument, "invalid_address", "%q is no address; write it such as 10.5.0.7", text).At(field + "/addresses")
		}
	}
	if n.MAC == "" {
		return nil
	}
	mac, err := net.ParseMAC(n.MAC)
	if err != nil || len(mac) != macLength || mac[0]&1 != 0 || mac.String() == "00:00:00:00:00:00" {
		return apierr.New(apierr.InvalidArgument, "invalid_mac", "%q cannot be an interface's address; write a unicast one such as 02:63:00:00:00:07", n.MAC).At(field + "/mac")
	}
	return nil
}

// Interface returns the interface that a container gets for nic on network n,
// where users have addresses already. field is where nic stands, for errors:
// address_outside_network, address_in_use, addresses_exhausted.
func Interface(field string, n cardplane.Network, nic cardplane.NIC, users map[netip.Addr]string, container string) (cardplane.Interface, []netip.Addr, error) {
	out := cardplane.Interface{
		Network: n.Name, NetworkID: n.ID, MAC: nic.MAC, Aliases: nic.Aliases, Limits: nic.Limits, MTU: n.MTU,
	}
	fixed, err := fixedAddresses(field+"/addresses", n, nic)
	if err != nil {
		return out, nil, err
	}
	var given []netip.Addr
	for i, p := range prefixes(n) {
		gate, err := netip.ParseAddr(n.Subnets[i].Gateway)
		if err != nil {
			return out, nil, err
		}
		a, err := address(field, n, p, gate, fixed[i], users, container)
		if err != nil {
			return out, nil, err
		}
		given = append(given, a)
		out.Addresses = append(out.Addresses, netip.PrefixFrom(a, p.Bits()).String())
		out.Gateways = append(out.Gateways, gate.String())
	}
	if out.MAC == "" {
		out.MAC = macOf(n, given)
	} else if mac, err := net.ParseMAC(out.MAC); err == nil {
		out.MAC = mac.String()
	}
	return out, given, nil
}

// fixedAddresses returns the addresses that nic asks for, by the place of their
// subnet.
func fixedAddresses(field string, n cardplane.Network, nic cardplane.NIC) (map[int]netip.Addr, error) {
	out := make(map[int]netip.Addr)
	for _, text := range nic.Addresses {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		found := false
		for i, p := range prefixes(n) {
			if _, twice := out[i]; !twice && usable(p, a) && a.String() != n.Subnets[i].Gateway {
				out[i], found = a, true
			}
		}
		if !found {
			return nil, apierr.New(apierr.InvalidArgument, "address_outside_network",
				"the network %q cannot give the address %s; choose one of its subnets (%v), other than the gateway", n.Name, a, prefixes(n)).At(field)
		}
	}
	return out, nil
}

// address returns the fixed address, or the first that nobody has.
func address(field string, n cardplane.Network, p netip.Prefix, gate, fixed netip.Addr, users map[netip.Addr]string, container string) (netip.Addr, error) {
	if fixed.IsValid() {
		if user, taken := users[fixed]; taken && user != container {
			return fixed, apierr.From(store.AddressInUse(n.Name, fixed, user)).At(field + "/addresses")
		}
		return fixed, nil
	}
	a := p.Addr().Next()
	for range maxSearch {
		if !usable(p, a) {
			break
		}
		if user, taken := users[a]; a != gate && (!taken || user == container) {
			return a, nil
		}
		a = a.Next()
	}
	return a, apierr.New(apierr.ResourceExhausted, "addresses_exhausted",
		"all addresses of %s are given away; stop containers on the network %q, or use a larger one", p, n.Name).At(field + "/network")
}

// macOf makes a MAC address of the first address, so that who gets the address
// of another is no stranger to neighbours that remember it.
func macOf(n cardplane.Network, given []netip.Addr) string {
	mac := net.HardwareAddr{macLocal, macOurs}
	if len(given) > 0 && given[0].Is4() {
		return append(mac, given[0].AsSlice()...).String()
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(n.ID, given)))
	return append(mac, sum[:macLength-2]...).String()
}
