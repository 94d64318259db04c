package network

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	maxInterfaces = 16
	maxAddresses  = 16
	maxRoutes     = 64
	maxNames      = 16384
	maxNameLength = 253 // RFC 1035, section 2.3.4, as text
	maxLinkName   = 15  // IFNAMSIZ less the last zero
	minMTU        = 576
	maxMTU        = 65535
)

func invalid(field, format string, args ...any) error {
	return apierr.New(apierr.InvalidArgument, "invalid_config", format, args...).At(field)
}

func check(config *guestapi.Network) error {
	if n := len(config.Interfaces); n > maxInterfaces {
		return invalid("/interfaces", "%d interfaces are too many; there may be %d", n, maxInterfaces)
	}
	for i, one := range config.Interfaces {
		if err := checkInterface(fmt.Sprintf("/interfaces/%d", i), one); err != nil {
			return err
		}
	}
	if n := len(config.Resolver.Names); n > maxNames {
		return invalid("/resolver/names", "%d names are too many; there may be %d", n, maxNames)
	}
	for name := range config.Resolver.Names {
		if name == "" || len(name) > maxNameLength || name != strings.ToLower(name) {
			return invalid("/resolver/names", "%q is no name in lower case of up to %d characters", name, maxNameLength)
		}
	}
	return nil
}

func checkInterface(field string, one guestapi.Interface) error {
	if mac, err := net.ParseMAC(one.Mac); err != nil || len(mac) != len("ethernet")-2 {
		return invalid(field+"/mac", "%q is no MAC address", one.Mac)
	}
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	if one.Name == "" || one.Name == "lo" || len(one.Name) > maxLinkName || strings.ContainsFunc(one.Name, odd) {
		return invalid(field+"/name", "%q is no name for an interface; use up to %d letters and digits", one.Name, maxLinkName)
	}
	most := maxMTU
	if streamed(one) {
		most = guestwire.MaxStreamMTU
	}
	if one.Mtu < minMTU || one.Mtu > most {
		return invalid(field+"/mtu", "an MTU of %d is not possible; use %d to %d", one.Mtu, minMTU, most)
	}
	if len(one.Addresses) > maxAddresses || len(one.Routes) > maxRoutes {
		return invalid(field, "%d addresses and %d routes are too many; there may be %d and %d",
			len(one.Addresses), len(one.Routes), maxAddresses, maxRoutes)
	}
	for _, a := range one.Addresses {
		if _, err := netip.ParsePrefix(a); err != nil {
			return invalid(field+"/addresses", "%w", err)
		}
	}
	for _, r := range one.Routes {
		_, err := netip.ParsePrefix(r.To)
		if err == nil {
			_, err = netip.ParseAddr(r.Via)
		}
		if err != nil {
			return invalid(field+"/routes", "%w", err)
		}
	}
	return nil
}
