package linktest

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// reserve keeps the port of a TCP address of IPv4 from becoming the source port of
// some connection while nothing listens there, until the file is closed. Who
// connects is refused meanwhile. Listening is possible.
func reserve(address string) (*os.File, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, fmt.Errorf("reserve %s: %w", address, err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve %s: %w", address, err)
	}
	// As net.Listen does, so that both can be bound.
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve %s: %w", address, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "reserved "+address), nil
}
