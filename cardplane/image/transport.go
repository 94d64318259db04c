package image

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// plainHTTPGuard refuses plain HTTP to any host but this one, as docker does.
// go-containerregistry alone would also fall back to it for private addresses.
type plainHTTPGuard struct{ next http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (g plainHTTPGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !isLoopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("%s://%s: only https is allowed, but for registries on this machine", req.URL.Scheme, req.URL.Host)
	}
	return g.next.RoundTrip(req)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// stallTime is how long a registry may stay silent in the middle of something.
const stallTime = 2 * time.Minute

var errStalled = errors.New("it sent nothing for " + stallTime.String())

// watchProgress returns a context that is cancelled with errStalled when
// progress has not been called for stallTime. Call stop in the end.
func watchProgress(ctx context.Context) (_ context.Context, progress, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(stallTime, func() { cancel(errStalled) })
	return ctx, func() { timer.Reset(stallTime) }, func() { timer.Stop(); cancel(nil) }
}
