package link

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Conn is a tunnel: bytes both ways, each of which ends by itself.
type Conn interface {
	net.Conn
	// CloseWrite ends the way to the VM and leaves the way back open.
	CloseWrite() error
}

const (
	tunnelProtocol = "cardplane-tunnel"
	// tunnelTimeout bounds the hand-over of a connection.
	tunnelTimeout = 15 * time.Second
)

// Tunnel connects to one of the VM's sockets. ctx bounds the connecting only.
// Errors: vm_not_found, vm_exited, tunnel_unavailable, unreachable.
func (l *Link) Tunnel(ctx context.Context, vmID string, kind hostapi.TunnelKind) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnelTimeout)
	defer cancel()
	release := l.pulse.use()
	raw, err := l.dial(ctx, release)
	if err != nil {
		release()
		return nil, apierr.New(apierr.Unavailable, "unreachable", "the host at %s cannot be reached: %w", l.endpoint, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	conn, err := upgrade(raw, fmt.Sprintf("/v1/vms/%s/tunnels/%s", url.PathEscape(vmID), kind))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

// upgrade asks for the tunnel at path over raw.
func upgrade(raw Conn, path string) (Conn, error) {
	req, err := http.NewRequest(http.MethodGet, "http://vmmd"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", tunnelProtocol)
	if err := req.Write(raw); err != nil {
		return nil, lost(err)
	}
	in := bufio.NewReader(raw)
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, lost(err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, apierr.ReadResponse(resp)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		_ = resp.Body.Close()
		return nil, apierr.New(apierr.Internal, "bad_response", "the host answered %s instead of a tunnel", resp.Status)
	}
	if in.Buffered() == 0 {
		return raw, nil
	}
	return &earlyConn{Conn: raw, in: in}, nil
}

// earlyConn is a tunnel whose first bytes came together with the answer.
type earlyConn struct {
	Conn
	in *bufio.Reader
}

// Read implements io.Reader.
func (c *earlyConn) Read(p []byte) (int, error) { return c.in.Read(p) }
