package links

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Tap is a port of a bridge whose other end a VMM opens.
type Tap struct {
	Name, Bridge string
	MTU          int
	// UID is the user, and the group, that may open it without privileges.
	UID int
	// GuestMAC is the only address behind it.
	GuestMAC net.HardwareAddr
	// Isolated keeps it from all ports that are isolated too.
	Isolated bool
}

// Ensure makes the tap as t says, and sets it up.
func (t Tap) Ensure() error {
	bridge, err := netlink.LinkByName(t.Bridge)
	if err != nil {
		return fmt.Errorf("look for bridge %s: %w", t.Bridge, err)
	}
	link, err := t.find()
	if err != nil {
		return err
	}
	if err := (Setting{IPv6, t.Name, "disable_ipv6", "1"}).Set(); err != nil {
		return err
	}
	if err := netlink.LinkSetMTU(link, t.MTU); err != nil {
		return fmt.Errorf("set MTU of %s: %w", t.Name, err)
	}
	if err := t.plug(link, bridge); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", t.Name, err)
	}
	return nil
}

// find returns the tap, made if it was not there. VMMs want the header of
// virtio before each frame; they open one pair of queues.
func (t Tap) find() (netlink.Link, error) {
	link, err := netlink.LinkByName(t.Name)
	if err == nil {
		return link, nil
	}
	if !isMissing(err) {
		return nil, fmt.Errorf("look for tap %s: %w", t.Name, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = t.Name
	made := &netlink.Tuntap{
		LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP, Queues: 1,
		Flags: netlink.TUNTAP_NO_PI | netlink.TUNTAP_VNET_HDR,
		Owner: uint32(t.UID), Group: uint32(t.UID),
	}
	err = netlink.LinkAdd(made)
	for _, queue := range made.Fds {
		_ = queue.Close() // the tap stays, and waits for its VMM
	}
	if err != nil {
		return nil, fmt.Errorf("make tap %s: %w", t.Name, err)
	}
	return made, nil
}

// plug makes the tap a port of the bridge that learns nothing: the bridge is
// told which address is behind it, so that no frame can move one elsewhere,
// and frames for others do not come to it.
func (t Tap) plug(link, bridge netlink.Link) error {
	if err := netlink.LinkSetMaster(link, bridge); err != nil {
		return fmt.Errorf("plug %s into %s: %w", t.Name, t.Bridge, err)
	}
	err := errors.Join(
		netlink.LinkSetLearning(link, false),
		netlink.LinkSetFlood(link, false),
		netlink.LinkSetIsolated(link, t.Isolated),
		// What a VM sends to itself through a forward may come back to it. The
		// rules keep what is for many from it.
		netlink.LinkSetHairpin(link, true),
	)
	if err != nil {
		return fmt.Errorf("set up %s as a port: %w", t.Name, err)
	}
	err = netlink.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: unix.AF_BRIDGE, HardwareAddr: t.GuestMAC,
		State: netlink.NUD_NOARP | netlink.NUD_REACHABLE, Flags: netlink.NTF_MASTER,
	})
	if err != nil {
		return fmt.Errorf("tell %s of %s: %w", t.Bridge, t.GuestMAC, err)
	}
	return nil
}
