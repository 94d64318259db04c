// Package hostonly listens on this machine's vsock device for the other side of
// it alone, the host of the machine (CID 2). A process of this machine (CID 1)
// and any guest that its kernel has a vsock device for are turned away: like
// plain TCP, vsock has no other way to tell them apart.
package hostonly

import (
	"net"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// Listen listens on a vsock port. It fails where the machine has no vsock
// device, or the port is taken.
func Listen(port uint32) (net.Listener, error) {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
	if err != nil {
		return nil, err
	}
	return listener{l}, nil
}

// listener hands out the connections of CID 2.
type listener struct{ net.Listener }

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
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
