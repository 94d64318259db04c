package host

import (
	"fmt"
	"net"
	"net/url"
	"strconv"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// vsockPort returns the port of vsock://:port.
func vsockPort(u *url.URL) (uint32, bool) {
	if u.Scheme != "vsock" || u.Hostname() != "" || u.Path != "" || u.RawQuery != "" {
		return 0, false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 32)
	return uint32(port), err == nil && port > 0 && port < unix.VMADDR_PORT_ANY
}

// listenVsock listens on a port of this machine's vsock device, for a card on
// the other side of it.
func listenVsock(port uint32) (net.Listener, error) {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
	if err != nil {
		return nil, fmt.Errorf("listen: %w (is the module vmw_vsock_virtio_transport loaded?)", err)
	}
	return &cardOnly{Listener: l}, nil
}

// cardOnly hands out the connections of the card alone, which is the other
// side of the vsock device (CID 2). A process of this machine (CID 1) and any
// guest that the kernel has a vsock device for are turned away: like plain
// TCP, vsock has no other way to tell them apart.
type cardOnly struct{ net.Listener }

// Accept implements net.Listener.
func (l *cardOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if peer, ok := conn.RemoteAddr().(*vsock.Addr); ok && peer.ContextID == vsock.Host {
			return conn, nil
		}
		_ = conn.Close()
	}
}
