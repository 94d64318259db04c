package main

import (
	"net"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// listenHost listens on a vsock port, for connections from the host only.
func listenHost(port uint32) (net.Listener, error) {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
	if err != nil {
		return nil, err
	}
	return hostListener{l}, nil
}

// hostListener drops connections that do not come from the host, such as
// those of containers in this guest over vsock's loopback.
type hostListener struct{ net.Listener }

// Accept implements net.Listener.
func (l hostListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || fromHost(conn.RemoteAddr()) {
			return conn, err
		}
		_ = conn.Close()
	}
}

// fromHost reports whether a peer is the host side of the machine.
func fromHost(peer net.Addr) bool {
	addr, ok := peer.(*vsock.Addr)
	return ok && addr.ContextID == vsock.Host
}
