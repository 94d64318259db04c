package host

import (
	"fmt"
	"net"
	"net/url"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostonly"
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
	l, err := hostonly.Listen(port)
	if err != nil {
		return nil, fmt.Errorf("listen: %w (is the module vmw_vsock_virtio_transport loaded?)", err)
	}
	return l, nil
}
