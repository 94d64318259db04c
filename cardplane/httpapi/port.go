package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/openapi/cardwire"
	"github.com/cardplane/cardplane/openapi/duplex"
)

// connectPort joins a connection to a port to the WebSocket that r asks for.
// Whatever can fail does so before the connection is handed over, and as a
// problem document.
func (s *server) connectPort(w http.ResponseWriter, r *http.Request) {
	if err := checkUpgrade(r, cardwire.PortSubprotocol); err != nil {
		w.Header().Set("Upgrade", "websocket")
		s.fail(w, r, err)
		return
	}
	// The document's check has left digits alone.
	port, _ := strconv.Atoi(r.PathValue("port"))
	conn, err := s.Containers.DialPort(r.Context(), r.PathValue("container"), port)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer func() { _ = conn.Close() }()
	log := s.log.WithField("path", r.URL.Path)
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{cardwire.PortSubprotocol}})
	if err != nil {
		// Accept has answered.
		log.WithError(err).Debug("WebSocket refused")
		return
	}
	defer func() { _ = ws.CloseNow() }()
	ctx, cancel := context.WithCancel(r.Context())
	var pings sync.WaitGroup
	defer pings.Wait()
	defer cancel()
	pings.Go(func() {
		defer cancel()
		untilGone(ctx, ws, s.ping)
	})
	if err := duplex.Join(cardwire.NewPortConn(ctx, ws, s.limits.stall), conn); err != nil {
		log.WithError(err).Debug("connection to a port broken off")
	}
}

// untilGone sends pings until the client is gone, which shows so even while
// nothing of it is read. A pong is not insisted on: a client whose own output
// is stalled does not read.
func untilGone(ctx context.Context, ws *websocket.Conn, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limited, cancel := context.WithTimeout(ctx, every)
		err := ws.Ping(limited)
		cancel()
		if err != nil && (errors.Is(err, net.ErrClosed) || !errors.Is(err, context.DeadlineExceeded)) {
			return
		}
	}
}
