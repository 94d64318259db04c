package server

import (
	"bufio"
	"context"
	"net"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/duplex"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// maxPorts bounds the connections to ports at one time, each of which may
	// hold guestwire.Window bytes and some buffers.
	maxPorts = 256
	// maxPort is TCP's.
	maxPort = 65535
)

// dialPort connects to a port of a container, and returns what carries the
// connection. Containers share the machine's network, so that its loopback
// addresses are theirs.
func (ss *streamServer) dialPort(req guestwire.StreamRequest) (func(net.Conn, *bufio.Reader) error, error) {
	if req.Port < 1 || req.Port > maxPort {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "port is %d; give 1 to %d", req.Port, maxPort).At("/port")
	}
	if err := ss.manager.CheckRunning(req.Container); err != nil {
		return nil, err
	}
	if err := ss.enterPort(); err != nil {
		return nil, err
	}
	// It is bounded, and a client that has gone shows when it is answered.
	tcp, err := duplex.DialLoopback(context.Background(), req.Port)
	if err != nil {
		ss.leavePort()
		return nil, err
	}
	return func(conn net.Conn, r *bufio.Reader) error {
		defer ss.leavePort()
		if err := guestwire.WriteLine(conn, guestwire.StreamReply{}); err != nil {
			_ = tcp.Close()
			return err
		}
		return duplex.Join(guestwire.NewDuplex(conn, r), tcp)
	}, nil
}

func (ss *streamServer) enterPort() error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.ports >= maxPorts {
		return apierr.New(apierr.ResourceExhausted, "too_many", "the machine has %d connections to ports already; close some", maxPorts)
	}
	ss.ports++
	return nil
}

func (ss *streamServer) leavePort() {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.ports--
}
