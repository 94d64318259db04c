package cardwire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/openapi/duplex"
)

// PortSubprotocol is the WebSocket subprotocol of connections to ports.
const PortSubprotocol = "cardplane.port.v1"

// PortConn is either side of a connection to a port over a WebSocket, as the
// description of openapi/cardplane.yaml defines it under "Ports": binary
// messages are bytes, and an empty one ends its direction. Read and Write are
// each for one goroutine at a time.
type PortConn struct {
	ws     *websocket.Conn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	stall  time.Duration

	message          io.Reader // the one that is being read
	got              bool      // whether any byte of it was there
	inEnded, outEnds atomic.Bool
}

var _ duplex.Conn = (*PortConn)(nil)

// NewPortConn returns a PortConn on ws that is broken off when ctx ends, or
// when the other side takes nothing of a message for stall, unless that is 0.
func NewPortConn(ctx context.Context, ws *websocket.Conn, stall time.Duration) *PortConn {
	ws.SetReadLimit(MaxPayload)
	ctx, cancel := context.WithCancel(ctx)
	return &PortConn{ws: ws, ctx: ctx, cancel: cancel, stall: stall}
}

// Broken is closed once the context has ended, or after Close.
func (c *PortConn) Broken() <-chan struct{} { return c.ctx.Done() }

// Read implements duplex.Conn.
func (c *PortConn) Read(p []byte) (int, error) {
	for {
		if c.inEnded.Load() {
			return 0, io.EOF
		}
		if err := c.open(); err != nil {
			return 0, cut(err)
		}
		n, err := c.message.Read(p)
		c.got = c.got || n > 0
		switch {
		case errors.Is(err, io.EOF):
			c.message = nil
			c.inEnded.Store(!c.got)
		case err != nil:
			return n, cut(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
}

// open waits for a message unless there is one.
func (c *PortConn) open() error {
	if c.message != nil {
		return nil
	}
	kind, message, err := c.ws.Reader(c.ctx)
	if err != nil {
		return err
	}
	if kind != websocket.MessageBinary {
		_ = c.ws.Close(websocket.StatusUnsupportedData, "messages are binary")
		return errors.New("the other side sent a text message")
	}
	c.message, c.got = message, false
	return nil
}

// Write implements duplex.Conn.
func (c *PortConn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n := min(len(p)-written, MaxPayload)
		if err := c.send(p[written : written+n]); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// CloseWrite implements duplex.Conn.
func (c *PortConn) CloseWrite() error {
	if c.outEnds.Swap(true) {
		return nil
	}
	return c.send(nil)
}

func (c *PortConn) send(message []byte) error {
	ctx := c.ctx
	if c.stall > 0 {
		limited, cancel := context.WithTimeout(ctx, c.stall)
		defer cancel()
		ctx = limited
	}
	if err := c.ws.Write(ctx, websocket.MessageBinary, message); err != nil {
		return cut(err)
	}
	return nil
}

// Close implements duplex.Conn.
func (c *PortConn) Close() error {
	if c.inEnded.Load() && c.outEnds.Load() {
		// Nothing is lost where the other side does not answer.
		_ = c.ws.Close(websocket.StatusNormalClosure, "")
	}
	c.cancel()
	_ = c.ws.CloseNow()
	return nil
}

// cut is the error of a connection that has ended in another way than by the
// ends of both directions, which io.EOF would be.
func cut(err error) error {
	return fmt.Errorf("the connection was broken off: %w", errors.Join(io.ErrUnexpectedEOF, noEOF(err)))
}

// noEOF hides an io.EOF.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
