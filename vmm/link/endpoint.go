package link

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	kernelvsock "github.com/mdlayher/vsock"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/pinned"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// Endpoints names the forms of an endpoint, for help texts. tls has this side's
// certificate and key, and the certificate of vmmd, in files (package pinned).
// The last two lead into a host that is a virtual machine: over the kernel's
// vsock, or through the hybrid-vsock socket of whatever runs that machine.
const Endpoints = "unix:///path, tcp://address:port, tls://address:port?cert=FILE&key=FILE&peer=FILE, vsock://cid:port or hybrid-vsock:///path?port=N"

// dialTimeout bounds one attempt to connect.
const dialTimeout = 10 * time.Second

// connect opens a connection to the host; ctx bounds the connecting only.
type connect func(ctx context.Context) (net.Conn, error)

// dialConn is dial for what wants an interface.
func (l *Link) dialConn(ctx context.Context) (net.Conn, error) {
	c, err := l.dial(ctx, func() {})
	if err != nil {
		return nil, err // a nil *conn must not become a net.Conn
	}
	return c, nil
}

// dial opens a connection to the host, whose Close calls release.
func (l *Link) dial(ctx context.Context, release func()) (*conn, error) {
	attempt, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := l.connect(attempt)
	if err != nil {
		if !over(ctx) {
			l.pulse.set(err)
		}
		return nil, err
	}
	return l.pulse.track(raw, release), nil
}

// over reports whether ctx has ended, or is past its deadline and about to.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func parseEndpoint(endpoint string) (connect, error) {
	if u, err := url.Parse(endpoint); err == nil {
		if u.Scheme == "tls" && u.Port() != "" && u.Path == "" {
			return tlsConnect(u)
		}
		if c := connectTo(u); c != nil {
			return c, nil
		}
	}
	return nil, apierr.New(apierr.InvalidArgument, "invalid_endpoint",
		"%q is no host endpoint; give %s", endpoint, Endpoints)
}

// connectTo returns nil for what is no endpoint.
func connectTo(u *url.URL) connect {
	local := u.Host == "" && filepath.IsAbs(u.Path)
	remote := u.Hostname() != "" && u.Port() != "" && u.Path == ""
	switch {
	case u.Scheme == "unix" && local && u.RawQuery == "":
		return netConnect("unix", u.Path)
	case u.Scheme == "tcp" && remote && u.RawQuery == "":
		return netConnect("tcp", u.Host)
	case u.Scheme == "vsock" && remote && u.RawQuery == "":
		return vsockConnect(u.Hostname(), u.Port())
	case u.Scheme == "hybrid-vsock" && local:
		return hybridConnect(u.Path, u.Query())
	}
	return nil
}

func netConnect(network, address string) connect {
	return func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func tlsConnect(u *url.URL) (connect, error) {
	config, err := pinned.Config(u.Query())
	if err != nil {
		return nil, err
	}
	d := tls.Dialer{Config: config}
	return func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", u.Host) }, nil
}

func vsockConnect(cid, port string) connect {
	c, okCID := number(cid)
	p, okPort := number(port)
	if !okCID || !okPort {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := kernelvsock.DialContext(ctx, c, p, nil)
		if err != nil {
			return nil, err // a nil *Conn must not become a net.Conn
		}
		return conn, nil
	}
}

func hybridConnect(path string, query url.Values) connect {
	port, ok := number(query.Get("port"))
	if !ok || len(query) != 1 {
		return nil
	}
	return func(ctx context.Context) (net.Conn, error) {
		return vsock.Dial(ctx, vsock.DialFunc(netConnect("unix", path)), port)
	}
}

// number parses a context id or port: 32 bits, neither 0 nor "any".
func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n > 0 && n < 1<<32-1
}
