// Package httpclient implements the service interfaces of package cardplane
// over the REST API of a control plane elsewhere. Errors keep their class,
// code, field and evidence on the way.
//
// A control plane that cannot be reached, or that goes away in the middle of
// something, is an Unavailable error: control_plane_unreachable before the
// request was sent, connection_lost after. An error of the caller's context is
// returned as it is.
package httpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// dialTimeout bounds how long a connection may take to come about.
const dialTimeout = 10 * time.Second

// Client reaches one control plane. It is safe for concurrent use.
type Client struct {
	endpoint  string // as the user gave it, for errors
	base      string // URL that paths are appended to
	transport *http.Transport
	http      *http.Client
	api       *cardapi.Client
}

// New returns a client of the control plane at endpoint: unix:///path,
// http://host:port or https://host:port. It does not connect.
func New(endpoint string) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, invalidEndpoint(endpoint)
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{DialContext: dialer.DialContext, Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4}
	base := strings.TrimSuffix(endpoint, "/")
	switch {
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		base = "http://cardplane"
		transport.Proxy = nil
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", u.Path)
		}
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	default:
		return nil, invalidEndpoint(endpoint)
	}
	c := &Client{endpoint: endpoint, base: base, transport: transport, http: &http.Client{Transport: transport}}
	c.api, err = cardapi.NewClient(base, cardapi.WithHTTPClient(c.http))
	return c, err
}

func invalidEndpoint(endpoint string) error {
	return apierr.New(apierr.InvalidArgument, "invalid_endpoint", "%q is no address of a control plane; use unix:///path, http://host:port or https://host:port", endpoint)
}

// Containers returns the container service.
func (c *Client) Containers() cardplane.ContainerService { return &containers{c} }

// Images returns the image service. Its Block and ResolveUser are
// NotSupported: they are for use on the card.
func (c *Client) Images() cardplane.ImageService { return &images{c} }

// Events returns the event service.
func (c *Client) Events() cardplane.EventService { return &events{c} }

// System returns the system service.
func (c *Client) System() cardplane.SystemService { return &system{c} }

// Close drops idle connections.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// transportError classifies an error of a request that got no response.
func (c *Client) transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return apierr.New(apierr.Unavailable, "control_plane_unreachable", "cardplaned cannot be reached at %s: %w; start it, or name another address with --host or CARDPLANE_HOST", c.endpoint, dial.Err)
	}
	return lost(c.endpoint, err)
}

// lost is the error for a connection that broke. It never is io.EOF, which
// means the regular end of a stream.
func lost(endpoint string, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return apierr.New(apierr.Unavailable, "connection_lost", "the connection to cardplaned at %s was lost: %w", endpoint, err)
}

// open finishes a call whose response is a stream: the body is the caller's.
func (c *Client) open(ctx context.Context, resp *http.Response, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, c.transportError(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, apierr.ReadResponse(resp)
	}
	return resp.Body, nil
}

// decode finishes a call whose response is a JSON value.
func decode[T any](ctx context.Context, c *Client, resp *http.Response, err error) (T, error) {
	var out T
	body, err := c.open(ctx, resp, err)
	if err != nil {
		return out, err
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		return out, lost(c.endpoint, fmt.Errorf("answer to %s: %w", resp.Request.URL.Path, err))
	}
	return out, nil
}

// done finishes a call whose response has no body.
func done(ctx context.Context, c *Client, resp *http.Response, err error) error {
	body, err := c.open(ctx, resp, err)
	if err != nil {
		return err
	}
	return body.Close()
}

// refPath checks that ref can stand in a path: an empty one would address
// the collection.
func refPath(ref string) error {
	if ref == "" || ref == "." || ref == ".." {
		return apierr.New(apierr.InvalidArgument, "invalid_reference", "%q is no name, id or prefix of an id", ref)
	}
	return nil
}

// pointerTo returns a pointer to v, or nil for the zero value, which is the
// API's default.
func pointerTo[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
