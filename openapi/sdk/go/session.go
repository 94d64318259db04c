package sdk

import (
	"context"
	"io"
	"net/url"
	"sync"

	"github.com/coder/websocket"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// Attach attaches to the streams of a container's first process; query is as
// the operation attachContainer describes it. ctx is for the handshake alone.
func (c *Client) Attach(ctx context.Context, ref string, query url.Values) (*Session, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	return c.dialSession(ctx, "/v1/containers/"+url.PathEscape(ref)+"/attach", query)
}

// AttachExec attaches to the streams of an exec. ctx is for the handshake
// alone.
func (c *Client) AttachExec(ctx context.Context, ref, execID string) (*Session, error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	return c.dialSession(ctx, "/v1/containers/"+url.PathEscape(ref)+"/execs/"+url.PathEscape(execID)+"/attach", nil)
}

// dialSession attaches to streams.
func (c *Client) dialSession(ctx context.Context, path string, query url.Values) (*Session, error) {
	conn, err := c.dialWebSocket(ctx, path, query, cardwire.Subprotocol)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(cardwire.MaxMessage)
	life, cancel := context.WithCancel(context.Background())
	return &Session{client: c, conn: conn, ctx: life, cancel: cancel}, nil
}

// dialWebSocket opens a WebSocket.
func (c *Client) dialWebSocket(ctx context.Context, path string, query url.Values, subprotocol string) (*websocket.Conn, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	conn, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		HTTPClient:   c.http,
		Subprotocols: []string{subprotocol},
		// A pong would have to wait for a write that the server does not
		// take, and that would break the connection. The server does not
		// insist on pongs.
		OnPingReceived: func(context.Context, []byte) bool { return false },
	})
	if err == nil {
		return conn, nil
	}
	if resp != nil && resp.StatusCode >= 400 {
		return nil, apierr.ReadResponse(resp)
	}
	return nil, c.transportError(ctx, err)
}

// Session is an attachment over a WebSocket. A context that ends in one of
// its methods breaks the connection off: a message cannot be resumed in the
// middle.
type Session struct {
	client *Client
	conn   *websocket.Conn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	write sync.Mutex // orders writers, which share buf
	buf   []byte

	mu       sync.Mutex // guards the rest
	ended    bool
	exitCode int
	err      error
}

// Recv returns the next output and its channel, Stdout or Stderr, or io.EOF
// once the process has ended and all its output was received.
func (s *Session) Recv(ctx context.Context) (cardwire.Channel, []byte, error) {
	if s.hasEnded() {
		return 0, nil, io.EOF
	}
	_, message, err := s.conn.Read(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return 0, nil, context.Cause(ctx)
		}
		return 0, nil, s.client.lost(err)
	}
	channel, payload, err := cardwire.FromServer(message)
	if err != nil {
		return 0, nil, s.client.lost(err)
	}
	if channel != cardwire.Status {
		return channel, payload, nil
	}
	return 0, nil, s.end(payload)
}

// end takes the last message.
func (s *Session) end(payload []byte) error {
	status, err := cardwire.ParseStatus(payload)
	if err != nil {
		return s.client.lost(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if status.Error != nil {
		s.err = cardwire.Error(*status.Error)
	} else {
		s.exitCode = *status.ExitCode
	}
	return io.EOF
}

func (s *Session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// ExitCode returns how the process ended, once Recv has returned io.EOF.
func (s *Session) ExitCode() (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		return 0, apierr.New(apierr.FailedPrecondition, "still_running", "the process has not ended")
	}
	return s.exitCode, s.err
}

// Write sends input to the process.
func (s *Session) Write(p []byte) (int, error) {
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

// CloseStdin tells the process that there is no more input.
func (s *Session) CloseStdin() error {
	return s.send(s.ctx, cardwire.StdinEnd, nil)
}

// Resize tells the process's terminal its size.
func (s *Session) Resize(ctx context.Context, rows, cols uint16) error {
	message := cardwire.ResizeMessage(rows, cols)
	return s.send(ctx, cardwire.Resize, message[1:])
}

func (s *Session) send(ctx context.Context, channel cardwire.Channel, payload []byte) error {
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
	return s.client.lost(err)
}

// Close detaches. It does not wait for the server, which may be busy.
func (s *Session) Close() error {
	s.cancel()
	_ = s.conn.CloseNow()
	return nil
}
