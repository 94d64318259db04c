package network

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tunDevice makes interfaces. Their names are the kernel's, until they are
// configured.
const (
	tunDevice = "/dev/net/tun"
	tapNames  = "tap%d"
)

// Tap implements Links.
func (Kernel) Tap(mac net.HardwareAddr) (Tap, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, failed(fmt.Errorf("open %s: %w", tunDevice, err))
	}
	if err := makeTap(fd, mac); err != nil {
		return nil, errors.Join(failed(fmt.Errorf("make an interface: %w", err)), unix.Close(fd))
	}
	// Only now can it be waited for.
	return os.NewFile(uintptr(fd), tunDevice), nil
}

func makeTap(fd int, mac net.HardwareAddr) error {
	request, err := unix.NewIfreq(tapNames)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return err
	}
	link, err := netlink.LinkByName(request.Name())
	if err != nil {
		return err
	}
	return netlink.LinkSetHardwareAddr(link, mac)
}
