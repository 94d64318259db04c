package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/divert"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// appearTimeout bounds the wait for a card that was just plugged in.
	appearTimeout = 30 * time.Second
	appearPause   = 5 * time.Millisecond
	// sysctlDir has the kernel's settings for IPv6 of each interface.
	sysctlDir = "/proc/sys/net/ipv6/conf"
	// cgroupRoot is where the hierarchy of cgroups is.
	cgroupRoot = "/sys/fs/cgroup"
)

// Kernel is the Links of the running kernel, in the network namespace of the
// thread that calls.
type Kernel struct{}

var _ Links = Kernel{}

// Apply implements Links.
func (Kernel) Apply(ctx context.Context, list []guestapi.Interface) error {
	wanted := make(map[string]bool)
	for _, one := range list {
		wanted[one.Mac] = true
	}
	if err := takeDown(wanted); err != nil {
		return failed(err)
	}
	for _, one := range list {
		link, err := await(ctx, one.Mac)
		if err != nil {
			return err
		}
		if err := configure(link, one); err != nil {
			return failed(fmt.Errorf("interface %s: %w", one.Name, err))
		}
	}
	return nil
}

// Divert implements Links, for all programs of the machine.
func (Kernel) Divert(from, to netip.AddrPort) (Diversion, error) {
	return divert.New(cgroupRoot, from, to)
}

func failed(err error) error {
	return apierr.New(apierr.FailedPrecondition, "network_failed", "the network cannot be configured: %w", err)
}

// takeDown takes down the interfaces that have none of the MAC addresses.
func takeDown(wanted map[string]bool) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Flags&net.FlagUp == 0 || a.Flags&net.FlagLoopback != 0 || len(a.HardwareAddr) == 0 || wanted[a.HardwareAddr.String()] {
			continue
		}
		if err := netlink.LinkSetDown(link); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return nil
}

// await returns the interface with a MAC address, once the machine has it.
func await(ctx context.Context, mac string) (netlink.Link, error) {
	ctx, cancel := context.WithTimeout(ctx, appearTimeout)
	defer cancel()
	for {
		link, err := find(mac)
		if link != nil || err != nil {
			return link, err
		}
		select {
		case <-ctx.Done():
			return nil, apierr.New(apierr.InvalidArgument, "interface_not_found", "the machine has no network interface with the MAC address %s", mac)
		case <-time.After(appearPause):
		}
	}
}

func find(mac string) (netlink.Link, error) {
	want, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, failed(err)
	}
	for _, link := range links {
		if bytes.Equal(link.Attrs().HardwareAddr, want) {
			return link, nil
		}
	}
	return nil, nil
}

// configure gives an interface its name, MTU, addresses and routes.
func configure(link netlink.Link, one guestapi.Interface) error {
	if link.Attrs().Name != one.Name {
		if err := rename(link, one.Name); err != nil {
			return err
		}
	}
	if link.Attrs().MTU != one.Mtu {
		if err := netlink.LinkSetMTU(link, one.Mtu); err != nil {
			return fmt.Errorf("MTU %d: %w", one.Mtu, err)
		}
	}
	if err := quiet(one.Name); err != nil {
		return err
	}
	if err := address(link, one.Addresses); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return route(link, one.Routes)
}

// rename gives an interface, which must be down for it, another name. The one
// that has the name gives it up.
func rename(link netlink.Link, name string) error {
	if err := netlink.LinkSetDown(link); err != nil {
		return err
	}
	if other, err := netlink.LinkByName(name); err == nil {
		spare := fmt.Sprintf("old%d", other.Attrs().Index)
		if err := errors.Join(netlink.LinkSetDown(other), netlink.LinkSetName(other, spare)); err != nil {
			return err
		}
	}
	return netlink.LinkSetName(link, name)
}

// quiet keeps the kernel from configuring an interface by what others on the
// network say. A kernel without IPv6 has nothing to be told.
func quiet(name string) error {
	err := os.WriteFile(filepath.Join(sysctlDir, name, "accept_ra"), []byte("0"), 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// address makes the addresses of an interface, those of its link aside, what
// list says. They are the controller's to give, so nobody else has them.
func address(link netlink.Link, list []string) error {
	wanted := make(map[string]bool)
	for _, text := range list {
		addr, err := netlink.ParseAddr(text)
		if err != nil {
			return err
		}
		wanted[addr.IPNet.String()] = true
		if addr.IP.To4() == nil {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrReplace(link, addr); err != nil {
			return fmt.Errorf("address %s: %w", text, err)
		}
	}
	old, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, addr := range old {
		if wanted[addr.IPNet.String()] || addr.IP.IsLinkLocalUnicast() {
			continue
		}
		if err := netlink.AddrDel(link, &addr); err != nil {
			return fmt.Errorf("remove address %s: %w", addr.IPNet, err)
		}
	}
	return nil
}

// route adds routes. Those of before have gone with their addresses, or are
// replaced.
func route(link netlink.Link, list []guestapi.Route) error {
	for _, r := range list {
		to, err := netip.ParsePrefix(r.To)
		if err != nil {
			return err
		}
		dst := &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())}
		err = netlink.RouteReplace(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst, Gw: net.ParseIP(r.Via)})
		if err != nil {
			return fmt.Errorf("route to %s through %s: %w", r.To, r.Via, err)
		}
	}
	return nil
}
