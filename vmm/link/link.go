package link

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Link is the way to one compute host. It holds no state but connections; its
// methods may be called concurrently. No call hangs with the link: when the
// host falls silent, calls and tunnels under way fail (see WithPulse).
type Link struct {
	endpoint  string
	connect   connect
	transport *http.Transport
	client    *hostapi.Client
	pulse     *pulse
}

// Option changes how a link behaves.
type Option func(*Link)

// WithPulse makes the link ping a host that has been silent for every while
// it is waited for, and break all connections when no answer comes within
// timeout. Without it these are 10 and 15 seconds.
func WithPulse(every, timeout time.Duration) Option {
	return func(l *Link) { l.pulse = newPulse(every, timeout) }
}

const (
	// serverURL leads every call; its host is not resolved.
	serverURL   = "http://vmmd"
	idleTimeout = 60 * time.Second
	// idleConns is how many connections are kept for the next calls.
	idleConns = 8
	// ioBuffer is what a connection to the host buffers each way, in bytes.
	ioBuffer = 4 << 10
)

// Open returns the link to the vmmd at endpoint, see [Endpoints]. It does not
// connect; every call does when it has to. The caller closes the link.
// Errors: invalid_endpoint, invalid_tls.
func Open(endpoint string, options ...Option) (*Link, error) {
	connect, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	l := &Link{endpoint: endpoint, connect: connect, pulse: newPulse(pulseEvery, pulseTimeout)}
	for _, option := range options {
		option(l)
	}
	l.pulse.ping = l.ping
	l.transport = &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dialConn(ctx) },
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     idleTimeout,
		ReadBufferSize:      ioBuffer,
		WriteBufferSize:     ioBuffer,
		DisableCompression:  true,
		// Longer than it takes to notice that the host is away.
		ExpectContinueTimeout: 30 * time.Second,
	}
	l.client, err = hostapi.NewClient(serverURL, hostapi.WithHTTPClient(&http.Client{Transport: caller{l.pulse, l.transport}}))
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Endpoint returns what the link was opened with.
func (l *Link) Endpoint() string { return l.endpoint }

// Close closes idle connections. Calls and tunnels under way go on.
func (l *Link) Close() { l.transport.CloseIdleConnections() }
