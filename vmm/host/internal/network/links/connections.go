package links

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ForgetAddress makes the kernel forget the connections of addr, so that the
// next who has it gets none of them.
func ForgetAddress(addr netip.Addr) error {
	return forget(addr, func(flow *netlink.ConntrackFlow) bool {
		return flow.Forward.SrcIP.Equal(addr.AsSlice()) || flow.Forward.DstIP.Equal(addr.AsSlice()) ||
			flow.Reverse.SrcIP.Equal(addr.AsSlice())
	})
}

// ForgetPort makes the kernel forget the connections to a port, where a is an
// address of its family, so that they are judged anew.
func ForgetPort(a netip.Addr, protocol uint8, port uint16) error {
	return forget(a, func(flow *netlink.ConntrackFlow) bool {
		return flow.Forward.Protocol == protocol && flow.Forward.DstPort == port
	})
}

// CheckConnections makes sure that the kernel can be asked to forget any.
func CheckConnections() error {
	return forget(netip.IPv4Unspecified(), func(*netlink.ConntrackFlow) bool { return false })
}

// flows is a filter for netlink.ConntrackDeleteFilters.
type flows func(*netlink.ConntrackFlow) bool

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (f flows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool { return f(flow) }

func forget(a netip.Addr, which flows) error {
	family := netlink.InetFamily(unix.AF_INET)
	if a.Is6() {
		family = unix.AF_INET6
	}
	_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, which)
	// One that has ended meanwhile is forgotten.
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("forget connections: %w", err)
	}
	return nil
}
