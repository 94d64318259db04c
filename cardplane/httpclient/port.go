package httpclient

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/openapi/duplex"
)

func (c *containers) DialPort(ctx context.Context, ref string, port int) (duplex.Conn, error) {
	conn, err := c.sdk.DialPort(ctx, ref, port)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// Proxy returns a handler that passes requests on to the control plane, as
// sdk.Client's Proxy does.
func (c *Client) Proxy(fail func(http.ResponseWriter, *http.Request, error)) (http.Handler, error) {
	return c.sdk.Proxy(fail)
}
