// Package guestclient speaks to the guest agent of one virtual machine: its
// HTTP API and its streams, both over vsock (openapi/guest-agent.yaml).
//
// # Trust
//
// A guest may be hostile, its kernel and agent included. Every answer is
// bounded in size and time, every offset is checked before it is used, only
// error codes that the document lists are passed on, and text from the guest
// reaches a user only after [Printable] has made it harmless to a terminal.
//
// # Epochs
//
// Whatever changes something carries the control plane's epoch. Once a newer
// control plane has spoken, every such call fails with stale_epoch, for good.
package guestclient

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// maxBody bounds an answer's body, in bytes.
	maxBody = 4 << 20
	// maxHeader bounds an answer's header, in bytes.
	maxHeader = 16 << 10
	// idleTimeout is how long an unused control connection is kept.
	idleTimeout = 30 * time.Second
)

// DialFunc opens a connection to a vsock port of the guest.
type DialFunc func(ctx context.Context, port uint32) (net.Conn, error)

// Client is a client of one guest's agent. Its methods are safe for
// concurrent use.
type Client struct {
	dial      DialFunc
	epoch     int64
	transport *http.Transport
	api       *guestapi.Client
	// archives has no bound for bodies, which are not held in memory.
	archives *guestapi.Client
	// ready is a connection that no call has used yet.
	ready atomic.Pointer[net.Conn]
}

// New returns a client that commands with epoch over connections of dial.
// Nothing is dialled before the first call.
func New(dial DialFunc, epoch int64) *Client {
	c := &Client{dial: dial, epoch: epoch}
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if conn := c.ready.Swap(nil); conn != nil {
				return *conn, nil
			}
			conn, err := dial(ctx, guestwire.ControlPort)
			if err != nil {
				return nil, &unsent{err}
			}
			return conn, nil
		},
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           2,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		ReadBufferSize:         2 << 10,
		WriteBufferSize:        2 << 10,
	}
	c.api = &guestapi.Client{Server: "http://guest/", Client: &http.Client{Transport: bounded{c.transport}}}
	c.archives = &guestapi.Client{Server: "http://guest/", Client: &http.Client{Transport: c.transport}}
	return c
}

// Connect connects to the agent once, for the next call to use. The agent
// takes no connection before the machine is ready, so a success says that it
// is. An error has the code CodeUnreachable: try again.
func (c *Client) Connect(ctx context.Context) error {
	conn, err := c.dial(ctx, guestwire.ControlPort)
	if err != nil {
		return unreachable(err)
	}
	c.keep(&conn)
	return nil
}

// keep makes conn, or nil, the one for the next call.
func (c *Client) keep(conn *net.Conn) {
	if old := c.ready.Swap(conn); old != nil {
		_ = (*old).Close()
	}
}

// Close drops idle connections. Calls under way and streams go on.
func (c *Client) Close() {
	c.keep(nil)
	c.transport.CloseIdleConnections()
}

// bounded limits the bodies that next returns.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody}
	return resp, nil
}

// boundedBody fails, rather than ending, at its limit, so that a cut body is
// never taken for a whole one.
type boundedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the guest's answer is longer than %d bytes", maxBody)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
