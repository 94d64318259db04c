package link

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Link is the way to one compute host. It holds no state but idle
// connections; its methods may be called concurrently.
type Link struct {
	endpoint  string
	connect   connect
	transport *http.Transport
	client    *hostapi.Client
}

const (
	idleTimeout = 60 * time.Second
	// idleConns is how many connections are kept for the next calls.
	idleConns = 8
	// ioBuffer is what a connection to the host buffers each way, in bytes.
	ioBuffer = 4 << 10
)

// Open returns the link to the vmmd at endpoint, see [Endpoints]. It does not
// connect; every call does when it has to. The caller closes the link.
// Errors: invalid_endpoint.
func Open(endpoint string) (*Link, error) {
	connect, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	l := &Link{endpoint: endpoint, connect: connect}
	l.transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx) },
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     idleTimeout,
		ReadBufferSize:      ioBuffer,
		WriteBufferSize:     ioBuffer,
		DisableCompression:  true,
	}
	l.client, err = hostapi.NewClient("http://vmmd", hostapi.WithHTTPClient(&http.Client{Transport: l.transport}))
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Endpoint returns what the link was opened with.
func (l *Link) Endpoint() string { return l.endpoint }

// Close closes idle connections. Calls and tunnels under way go on.
func (l *Link) Close() { l.transport.CloseIdleConnections() }
