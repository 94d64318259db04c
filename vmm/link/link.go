package link

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Link is the way to one compute host. It holds no state but idle
// connections; its methods may be called concurrently.
type Link struct {
	endpoint  string
	network   string
	address   string
	transport *http.Transport
	client    *hostapi.Client
}

const (
	dialTimeout = 10 * time.Second
	idleTimeout = 60 * time.Second
	// idleConns is how many connections are kept for the next calls.
	idleConns = 8
	// ioBuffer is what a connection to the host buffers each way, in bytes.
	ioBuffer = 4 << 10
)

// Open returns the link to the vmmd at endpoint: unix:///path/to.sock or
// tcp://address:port. It does not connect; every call does when it has to.
// The caller closes the link. Errors: invalid_endpoint.
func Open(endpoint string) (*Link, error) {
	network, address, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	l := &Link{endpoint: endpoint, network: network, address: address}
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

// dial opens a connection to the host.
func (l *Link) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, l.network, l.address)
}

func parseEndpoint(endpoint string) (network, address string, err error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && filepath.IsAbs(u.Path):
		return "unix", u.Path, nil
	case u.Scheme == "tcp" && u.Hostname() != "" && u.Port() != "" && u.Path == "":
		return "tcp", u.Host, nil
	}
	return "", "", apierr.New(apierr.InvalidArgument, "invalid_endpoint",
		"%q is no host endpoint; give unix:///path/to.sock or tcp://address:port", endpoint)
}
