package sdk

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// Client reaches one control plane. It is safe for concurrent use.
type Client struct {
	// API has a method for every operation of the document.
	API *cardapi.Client

	endpoint  string // as the user gave it, for errors
	base      string // URL that paths are appended to
	transport *http.Transport
	http      *http.Client
}

// New returns a client of the control plane at endpoint: unix:///path,
// tcp://host:port or https://host:port. It does not connect. An https endpoint
// may name files in PEM: ?ca=… to trust, and cert=…&key=… to show.
func New(endpoint string) (*Client, error) {
	transport, base, err := dial(endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{endpoint: endpoint, base: base, transport: transport, http: &http.Client{Transport: transport}}
	c.API, err = cardapi.NewClient(base, cardapi.WithHTTPClient(c.http))
	return c, err
}

// Close drops idle connections.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// Decode finishes a call whose response is a JSON value.
func Decode[T any](ctx context.Context, c *Client, resp *http.Response, err error) (T, error) {
	var out T
	body, err := c.Open(ctx, resp, err)
	if err != nil {
		return out, err
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(body).Decode(&out); err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		return out, c.lost(fmt.Errorf("answer to %s: %w", resp.Request.URL.Path, err))
	}
	return out, nil
}

// Done finishes a call whose response has no body.
func Done(ctx context.Context, c *Client, resp *http.Response, err error) error {
	body, err := c.Open(ctx, resp, err)
	if err != nil {
		return err
	}
	return body.Close()
}

// Open finishes a call whose response is read as it comes: the body is the
// caller's.
func (c *Client) Open(ctx context.Context, resp *http.Response, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, c.transportError(ctx, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, apierr.ReadResponse(resp)
	}
	return resp.Body, nil
}

// CheckRef checks that ref can stand in a path: an empty one would address
// the collection.
func CheckRef(ref string) error {
	if ref == "" || ref == "." || ref == ".." {
		return apierr.New(apierr.InvalidArgument, "invalid_reference", "%q is no name, id or prefix of an id", ref)
	}
	return nil
}

// transportError classifies an error of a request that got no response.
func (c *Client) transportError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var conn *net.OpError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &conn) && conn.Op == "dial":
		return c.unreachable(conn.Err, "start it, or use the address where it is")
	case errors.As(err, &untrusted):
		return c.unreachable(untrusted, "name the certificates to trust with ?ca= in the address")
	case errors.As(err, &conn) && conn.Op == "remote error": // a TLS alert
		return c.unreachable(conn.Err, "name a certificate that it takes with cert=…&key=… in the address")
	}
	return c.lost(err)
}

func (c *Client) unreachable(err error, remedy string) error {
	return apierr.New(apierr.Unavailable, "control_plane_unreachable", "cardplaned cannot be reached at %s: %w; %s", c.endpoint, err, remedy)
}

// lost is the error for a connection that broke. It never is io.EOF, which
// means the regular end of a stream.
func (c *Client) lost(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return apierr.New(apierr.Unavailable, "connection_lost", "the connection to cardplaned at %s was lost: %w", c.endpoint, err)
}
