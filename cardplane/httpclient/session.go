package httpclient

import (
	"context"
	"io"
	"net/url"
	"sync"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

func (c *containers) Attach(ctx context.Context, ref string, opts cardplane.AttachOptions) (cardplane.Session, error) {
	if err := refPath(ref); err != nil {
		return nil, err
	}
	query := url.Values{}
	if opts.Stdin {
		query.Set("stdin", "true")
	}
	if opts.Replay {
		query.Set("replay", "true")
	}
	return c.dial(ctx, "/v1/containers/"+url.PathEscape(ref)+"/attach", query)
}

func (c *containers) AttachExec(ctx context.Context, ref, execID string) (cardplane.Session, error) {
	if err := refPath(ref); err != nil {
		return nil, err
	}
	return c.dial(ctx, "/v1/containers/"+url.PathEscape(ref)+"/execs/"+url.PathEscape(execID)+"/attach", nil)
}

// dial opens a WebSocket. ctx is for the handshake alone.
func (c *containers) dial(ctx context.Context, path string, query url.Values) (cardplane.Session, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	conn, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		HTTPClient:   c.http,
		Subprotocols: []string{cardwire.Subprotocol},
		// A pong would have to wait for a write that the server does not
		// take, and that would break the connection. The server does not
		// insist on pongs.
		OnPingReceived: func(context.Context, []byte) bool { return false },
	})
	if err != nil {
		if resp != nil && resp.StatusCode >= 400 {
			return nil, apierr.ReadResponse(resp)
		}
		return nil, c.transportError(ctx, err)
	}
	conn.SetReadLimit(cardwire.MaxMessage)
	life, cancel := context.WithCancel(context.Background())
	return &session{endpoint: c.endpoint, conn: conn, ctx: life, cancel: cancel}, nil
}

// session is an attachment over a WebSocket. A context that ends in one of
// its methods breaks the connection off: a message cannot be resumed in the
// middle.
type session struct {
	endpoint string
	conn     *websocket.Conn
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc

	write sync.Mutex // orders writers, which share buf
	buf   []byte

	mu       sync.Mutex // guards the rest
	ended    bool
	exitCode int
	err      error
}

var _ cardplane.Session = (*session)(nil)

func (s *session) Recv(ctx context.Context) (cardplane.Output, error) {
	if s.hasEnded() {
		return cardplane.Output{}, io.EOF
	}
	_, message, err := s.conn.Read(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return cardplane.Output{}, context.Cause(ctx)
		}
		return cardplane.Output{}, lost(s.endpoint, err)
	}
	channel, payload, err := cardwire.FromServer(message)
	if err != nil {
		return cardplane.Output{}, lost(s.endpoint, err)
	}
	switch channel {
	case cardwire.Stdout:
		return cardplane.Output{Stream: cardplane.Stdout, Data: payload}, nil
	case cardwire.Stderr:
		return cardplane.Output{Stream: cardplane.Stderr, Data: payload}, nil
	}
	status, err := cardwire.ParseStatus(payload)
	if err != nil {
		return cardplane.Output{}, lost(s.endpoint, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if status.Error != nil {
		s.err = apimodel.ErrorFromAPI(*status.Error)
	} else {
		s.exitCode = *status.ExitCode
	}
	return cardplane.Output{}, io.EOF
}

func (s *session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *session) ExitCode() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		return 0, apierr.New(apierr.FailedPrecondition, "still_running", "the process has not ended")
	}
	return s.exitCode, s.err
}

func (s *session) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n := min(len(p)-written, cardwire.MaxPayload)
		if err := s.send(s.ctx, cardwire.Stdin, p[written:written+n]); err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

func (s *session) CloseStdin() error {
	return s.send(s.ctx, cardwire.StdinEnd, nil)
}

func (s *session) Resize(ctx context.Context, size cardplane.TerminalSize) error {
	message := cardwire.ResizeMessage(size.Rows, size.Cols)
	return s.send(ctx, cardwire.Resize, message[1:])
}

func (s *session) send(ctx context.Context, channel cardwire.Channel, payload []byte) error {
	if s.hasEnded() {
		return io.ErrClosedPipe
	}
	s.write.Lock()
	defer s.write.Unlock()
	s.buf = cardwire.Append(s.buf[:0], channel, payload)
	err := s.conn.Write(ctx, websocket.MessageBinary, s.buf)
	switch {
	case err == nil:
		return nil
	case s.hasEnded() || s.ctx.Err() != nil || websocket.CloseStatus(err) == websocket.StatusNormalClosure:
		return io.ErrClosedPipe
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return lost(s.endpoint, err)
}

// Close detaches. It does not wait for the server, which may be busy.
func (s *session) Close() error {
	s.cancel()
	_ = s.conn.CloseNow()
	return nil
}
