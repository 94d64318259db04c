package sdk

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"

	"github.com/cardplane/cardplane/openapi/cardwire"
)

// DialPort connects to a TCP port of a running container, without any network
// between here and there. Read returns io.EOF once the program has ended its
// direction, and another error where the connection was broken off. ctx is for
// the handshake alone. Errors: connection_refused where nothing listens,
// container_not_running.
func (c *Client) DialPort(ctx context.Context, ref string, port int) (*cardwire.PortConn, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	path := "/v1/containers/" + url.PathEscape(ref) + "/ports/" + strconv.Itoa(port) + "/connect"
	conn, err := c.dialWebSocket(ctx, path, nil, cardwire.PortSubprotocol)
	if err != nil {
		return nil, err
	}
	return cardwire.NewPortConn(context.Background(), conn, 0), nil
}

// Proxy returns a handler that passes requests on to the control plane,
// WebSockets too, and answers at once with what comes. fail answers a request
// that did not get through. It lets every caller in: who may call is its
// owner's to check.
func (c *Client) Proxy(fail func(http.ResponseWriter, *http.Request, error)) (http.Handler, error) {
	target, err := url.Parse(c.base)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			// The server compares it with its own name, which the caller
			// does not know.
			r.Out.Header.Del("Origin")
		},
		Transport:     c.transport,
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0), // a client sees where its answer breaks off
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			fail(w, r, c.transportError(r.Context(), err))
		},
	}, nil
}
