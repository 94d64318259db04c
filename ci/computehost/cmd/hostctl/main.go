// Command hostctl runs in the emulated compute host and executes shell
// commands that the other side of its vsock device sends. It exists for tests
// and is in no real host.
package main

import (
	"fmt"
	"net"
	"os"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/ci/computehost/control"
)

func main() {
	fmt.Fprintln(os.Stderr, "hostctl:", run())
	os.Exit(1)
}

// run serves for as long as it can.
func run() error {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, control.Port, nil)
	if err != nil {
		return err
	}
	return control.Serve(outside{l}, "/bin/sh")
}

// outside accepts from the other side of the vsock device alone.
type outside struct{ net.Listener }

// Accept implements net.Listener.
func (o outside) Accept() (net.Conn, error) {
	for {
		conn, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if peer, ok := conn.RemoteAddr().(*vsock.Addr); ok && peer.ContextID == vsock.Host {
			return conn, nil
		}
		_ = conn.Close()
	}
}
