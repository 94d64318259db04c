package network_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// virtioHeader is what comes before each frame of a tap.
const virtioHeader = 10

// guest plays a VM: a namespace whose eth0 is a tap of its own, joined with the
// NIC's tap on the host as a VMM would join it with its guest.
type guest struct {
	namespace
	nic hostapi.NIC
	// tap is the VMM's end of the NIC: what is written to it, the VM sends.
	tap *os.File

	mu sync.Mutex
	// got is all that came to the VM.
	got [][]byte
}

// openTap opens a tap of this thread's namespace, made if there is none.
func openTap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); errno != 0 {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open tap %s: %w", name, errno)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// boot starts a guest behind nic, with addresses and gateways of its choice.
func boot(t *testing.T, nic hostapi.NIC, addresses []string, gateways ...string) *guest {
	t.Helper()
	g := &guest{namespace: newNamespace(t), nic: nic}
	var err error
	if g.tap, err = openTap(nic.Tap); err != nil {
		t.Fatal(err)
	}
	var eth0 *os.File
	g.do(t, func() (err error) {
		if eth0, err = openTap("eth0"); err != nil {
			return err
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		mac, err := net.ParseMAC(nic.Spec.Mac)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetHardwareAddr(link, mac); err != nil {
			return err
		}
		return address("eth0", addresses, gateways...)
	})
	var pumps sync.WaitGroup
	pumps.Go(func() { pump(t, eth0, g.tap, nil) })
	pumps.Go(func() { pump(t, g.tap, eth0, g.note) })
	t.Cleanup(func() {
		_, _ = g.tap.Close(), eth0.Close()
		pumps.Wait()
	})
	return g
}

// pump carries frames, headers and all, until one end is closed.
func pump(t *testing.T, from io.Reader, to io.Writer, note func([]byte)) {
	frame := make([]byte, 70000)
	for {
		n, err := from.Read(frame)
		if err != nil {
			return // closed, or its link removed
		}
		if note != nil {
			note(frame[virtioHeader:n])
		}
		if _, err := to.Write(frame[:n]); err != nil {
			if !errors.Is(err, os.ErrClosed) && !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EBADFD) {
				t.Errorf("pump: %v", err)
			}
			return
		}
	}
}

func (g *guest) note(frame []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.got = append(g.got, slices.Clone(frame))
}

// inject sends a frame as it is, as only a hostile VM would.
func (g *guest) inject(t *testing.T, frame []byte) {
	t.Helper()
	if _, err := g.tap.Write(append(make([]byte, virtioHeader), frame...)); err != nil {
		t.Fatal(err)
	}
}

// saw reports whether a frame that has come to the VM is like that.
func (g *guest) saw(like func(frame []byte) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.got, like)
}

// ping returns once to has answered. All that was sent the same way before has
// then arrived, or will not.
func (n namespace) ping(t *testing.T, to string) {
	t.Helper()
	ip := net.ParseIP(to)
	network, request := "ip4:icmp", []byte{8, 0, 0, 0, 0x12, 0x34, 0, 1}
	if ip.To4() == nil {
		network, request = "ip6:ipv6-icmp", []byte{128, 0, 0, 0, 0x12, 0x34, 0, 1}
	} else {
		sum := ^(uint16(8)<<8 + 0x1234 + 1)
		request[2], request[3] = byte(sum>>8), byte(sum)
	}
	n.do(t, func() error {
		conn, err := net.DialIP(network, nil, &net.IPAddr{IP: ip})
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write(request); err != nil {
			return fmt.Errorf("ping %s: %w", to, err)
		}
		answer := make([]byte, 1500)
		for {
			k, _, err := conn.ReadFromIP(answer) // without the header
			if err != nil {
				return fmt.Errorf("ping %s: %w", to, err)
			}
			if k >= 8 && (answer[0] == 0 || answer[0] == 129) {
				return nil
			}
		}
	})
}
