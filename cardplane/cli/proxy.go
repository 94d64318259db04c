package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cardplane/cardplane/cardplane/httpclient"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	// proxyPort is where the proxy listens unless told otherwise.
	proxyPort = 8001
	// proxyHeaderTimeout bounds how long a request's header may take.
	proxyHeaderTimeout = 10 * time.Second
)

func (a *App) proxyCommand() *cobra.Command {
	var address string
	var port uint16
	var names []string
	cmd := &cobra.Command{
		Use:   "proxy [flags]",
		Short: "Serve the control plane's API here, over plain HTTP",
		Long: `Listen on a TCP port of this machine and pass every request on to the control
plane of the current context, so that curl, browsers and SDKs need to know
neither its socket nor its certificates.

Whoever reaches the port commands the control plane: it is on loopback unless
--address says otherwise. Requests by a name other than localhost, and those
that a web page of another origin sends, are refused.`,
		Example: `  cardctl proxy &
  curl http://127.0.0.1:8001/v1/containers?all=true
  cardctl proxy --port 0`,
		Args: needArgs(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(client *httpclient.Client) error {
				forward, err := client.Proxy(func(w http.ResponseWriter, _ *http.Request, err error) { apierr.Write(w, err) })
				if err != nil {
					return err
				}
				l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(int(port))))
				if err != nil {
					return fmt.Errorf("%w; choose another with --port, 0 for any", err)
				}
				_, _ = fmt.Fprintf(a.Out, "Serving the API at http://%s\n", l.Addr())
				return serveProxy(cmd.Context(), l, guardProxy(forward, names))
			})
		},
	}
	cmd.Flags().StringVar(&address, "address", "127.0.0.1", "address of this machine to listen on")
	cmd.Flags().Uint16Var(&port, "port", proxyPort, "port to listen on; 0 takes a free one")
	cmd.Flags().StringArrayVar(&names, "accept-host", nil, "name by which requests may come besides localhost; repeatable")
	return cmd
}

// serveProxy serves until ctx ends, and then closes all connections.
func serveProxy(ctx context.Context, l net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: proxyHeaderTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return context.Cause(ctx)
}

// guardProxy refuses what a web page of somebody else's makes a browser send.
// A page whose name is made to resolve to this machine sends that name as Host;
// an address of numbers cannot be made to be another.
func guardProxy(next http.Handler, names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkProxied(r, names); err != nil {
			apierr.Write(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkProxied(r *http.Request, names []string) error {
	host := (&url.URL{Host: r.Host}).Hostname()
	if _, err := netip.ParseAddr(host); err != nil && !strings.EqualFold(host, "localhost") && !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) }) {
		return apierr.New(apierr.InvalidArgument, "foreign_host", "requests for the host %.80q are refused; use localhost or an address, or start the proxy with --accept-host", r.Host)
	}
	origin := r.Header.Get("Origin")
	if u, err := url.Parse(origin); origin != "" && (err != nil || !strings.EqualFold(u.Host, r.Host)) {
		return foreignOrigin(origin)
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return foreignOrigin(site)
	}
	return nil
}

func foreignOrigin(origin string) error {
	return apierr.New(apierr.InvalidArgument, "foreign_origin", "requests from the origin %.80q are refused; use a client that is no web page of another server", origin)
}
