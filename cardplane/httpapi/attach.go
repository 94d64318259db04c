package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

func (s *server) attachContainer(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	opts := cardplane.AttachOptions{Stdin: query.Get("stdin") == "true", Replay: query.Get("replay") == "true"}
	s.serveStream(w, r, opts.Stdin, func(ctx context.Context) (cardplane.Session, error) {
		return s.Containers.Attach(ctx, r.PathValue("container"), opts)
	})
}

func (s *server) attachExec(w http.ResponseWriter, r *http.Request) {
	s.serveStream(w, r, true, func(ctx context.Context) (cardplane.Session, error) {
		return s.Containers.AttachExec(ctx, r.PathValue("container"), r.PathValue("exec"))
	})
}

// serveStream joins a session to the WebSocket that r asks for. Whatever can
// fail does so before the connection is handed over, and as a problem
// document.
func (s *server) serveStream(w http.ResponseWriter, r *http.Request, stdin bool, open func(context.Context) (cardplane.Session, error)) {
	if err := checkUpgrade(r, cardwire.Subprotocol); err != nil {
		w.Header().Set("Upgrade", "websocket")
		s.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	session, err := open(ctx)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer func() { _ = session.Close() }()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{cardwire.Subprotocol}})
	if err != nil {
		// Accept has answered.
		s.log.WithField("path", r.URL.Path).WithError(err).Debug("WebSocket refused")
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(cardwire.MaxMessage)
	p := &pipe{session: session, conn: conn, stdin: stdin, ping: s.ping, stall: s.limits.stall, log: s.log.WithField("path", r.URL.Path)}
	p.run(ctx)
}

// checkUpgrade refuses what cannot become a WebSocket with a framing of ours.
func checkUpgrade(r *http.Request, subprotocol string) error {
	if !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket") {
		return apierr.New(apierr.InvalidArgument, "upgrade_required", "this operation is a WebSocket; send an upgrade request with the subprotocol %s", subprotocol)
	}
	if !hasToken(r.Header, "Sec-WebSocket-Protocol", subprotocol) {
		return apierr.New(apierr.InvalidArgument, "unsupported_subprotocol", "the WebSocket subprotocol is %.80q; it must be %s",
			r.Header.Get("Sec-WebSocket-Protocol"), subprotocol)
	}
	// A web page of another origin must not reach a control plane on loopback.
	origin := r.Header.Get("Origin")
	if u, err := url.Parse(origin); origin != "" && (err != nil || !strings.EqualFold(u.Host, r.Host)) {
		return apierr.New(apierr.InvalidArgument, "foreign_origin", "requests from the origin %.80q are refused; use a client that is no web page of another server", origin)
	}
	return nil
}

// hasToken reports whether a comma-separated header has a token.
func hasToken(header http.Header, name, token string) bool {
	for _, line := range header.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}
