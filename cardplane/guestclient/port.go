package guestclient

import (
	"context"

	"github.com/cardplane/cardplane/openapi/duplex"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// DialPort connects to a TCP port of a container's loopback addresses. The
// connection is broken off when ctx ends; start bounds the beginning alone.
// Its Broken tells of a guest that is gone, and it holds no more of what the
// guest sends than guestwire.Window bytes and a frame.
//
// Errors: container_not_found, container_not_running, connection_refused,
// connection_failed, too_many, stale_epoch, guest_unreachable.
func (c *Client) DialPort(ctx, start context.Context, container string, port int) (duplex.Conn, error) {
	conn, in, _, err := c.openConn(start, guestwire.StreamRequest{Container: container, Stream: guestwire.Port, Port: port})
	if err != nil {
		return nil, err
	}
	unbind := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &portConn{guestwire.NewDuplex(conn, in), unbind}, nil
}

// portConn is a Duplex that ends with a context.
type portConn struct {
	*guestwire.Duplex
	unbind func() bool
}

// Close implements duplex.Conn.
func (c *portConn) Close() error {
	defer c.unbind()
	return c.Duplex.Close()
}
