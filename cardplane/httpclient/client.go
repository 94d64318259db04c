// Package httpclient implements the service interfaces of package cardplane
// over the REST API of a control plane elsewhere. It is the Go SDK
// (openapi/sdk/go) in the words of the domain. Errors keep their class, code,
// field and evidence on the way.
package httpclient

import (
	"context"
	"net/http"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// Client reaches one control plane. It is safe for concurrent use.
type Client struct {
	sdk *sdk.Client
	api *cardapi.Client // of sdk
}

// New returns a client of the control plane at endpoint, as sdk.New does.
func New(endpoint string) (*Client, error) {
	c, err := sdk.New(endpoint)
	if err != nil {
		return nil, err
	}
	return &Client{sdk: c, api: c.API}, nil
}

// Containers returns the container service.
func (c *Client) Containers() cardplane.ContainerService { return &containers{c} }

// Images returns the image service. Its Block, DiskUsage and ResolveUser are
// NotSupported: they are for use on the card.
func (c *Client) Images() cardplane.ImageService { return &images{c} }

// Volumes returns the volume service.
func (c *Client) Volumes() cardplane.VolumeService { return &volumes{c} }

// Sandboxes returns the sandbox service.
func (c *Client) Sandboxes() cardplane.SandboxService { return &sandboxes{c} }

// Networks returns the network service.
func (c *Client) Networks() cardplane.NetworkService { return &networks{c} }

// Configs returns the config service.
func (c *Client) Configs() cardplane.ContentService { return &contents{c, cardplane.KindConfig} }

// Secrets returns the secret service.
func (c *Client) Secrets() cardplane.ContentService { return &contents{c, cardplane.KindSecret} }

// Events returns the event service.
func (c *Client) Events() cardplane.EventService { return &events{c} }

// System returns the system service.
func (c *Client) System() cardplane.SystemService { return &system{c} }

// Close drops idle connections.
func (c *Client) Close() error { return c.sdk.Close() }

// decode finishes a call whose response is a JSON value.
func decode[T any](ctx context.Context, c *Client, resp *http.Response, err error) (T, error) {
	return sdk.Decode[T](ctx, c.sdk, resp, err)
}

// done finishes a call whose response has no body.
func done(ctx context.Context, c *Client, resp *http.Response, err error) error {
	return sdk.Done(ctx, c.sdk, resp, err)
}

// optionalList returns a pointer to s, or nil where it is empty.
func optionalList[T any](s []T) *[]T {
	if len(s) == 0 {
		return nil
	}
	return &s
}

// timeTo returns a pointer to t, or nil where it is zero.
func timeTo(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
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
