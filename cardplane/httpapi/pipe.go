package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	"github.com/cardplane/cardplane/openapi/cardwire"
)

// pipe joins a session to a WebSocket. Output is sent by the goroutine that
// calls run; two more receive input and send pings, and end with run.
type pipe struct {
	session cardplane.Session
	conn    *websocket.Conn
	stdin   bool // whether the client may send input
	ping    time.Duration
	stall   time.Duration
	log     logrus.FieldLogger
}

// run returns when the process has ended and its status was sent, or when the
// client has gone.
func (p *pipe) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	helpers.Go(func() {
		defer cancel()
		p.guarded("input", func() error { return p.receive(ctx) })
	})
	helpers.Go(func() { p.keepAlive(ctx) })

	status, err := p.send(ctx)
	if err != nil {
		p.log.WithError(err).Debug("stream detached")
		return
	}
	if err := p.write(ctx, cardwire.StatusMessage(status)); err != nil {
		p.log.WithError(err).Debug("stream status not delivered")
		return
	}
	// A session that is closed lets go of an input that the process never read.
	_ = p.session.Close()
	_ = p.conn.Close(websocket.StatusNormalClosure, "")
}

// guarded runs f in a goroutine of its own, where a panic would end the
// daemon.
func (p *pipe) guarded(what string, f func() error) {
	defer func() {
		if cause := recover(); cause != nil {
			p.log.WithError(panicError(cause)).Error("stream " + what + " failed")
		}
	}()
	if err := f(); err != nil {
		p.log.WithError(err).Debug("stream " + what + " ended")
	}
}

// send sends output until there is no more and returns how the process ended.
// Its error means that the client cannot be told.
func (p *pipe) send(ctx context.Context) (cardapi.StreamStatus, error) {
	message := make([]byte, 0, 4096)
	for {
		output, err := p.session.Recv(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return p.status(p.session.ExitCode()), nil
		case ctx.Err() != nil:
			return cardapi.StreamStatus{}, ctx.Err()
		case err != nil:
			return p.status(0, err), nil
		}
		channel := cardwire.Stdout
		if output.Stream == cardplane.Stderr {
			channel = cardwire.Stderr
		}
		for rest := output.Data; len(rest) > 0; {
			n := min(len(rest), cardwire.MaxPayload)
			message = cardwire.Append(message[:0], channel, rest[:n])
			if err := p.write(ctx, message); err != nil {
				return cardapi.StreamStatus{}, err
			}
			rest = rest[n:]
		}
	}
}

// write sends a message. A client that does not take it in time is cut off.
func (p *pipe) write(ctx context.Context, message []byte) error {
	limited, cancel := context.WithTimeout(ctx, p.stall)
	defer cancel()
	return p.conn.Write(limited, websocket.MessageBinary, message)
}

func (p *pipe) status(code int, err error) cardapi.StreamStatus {
	if err == nil {
		return cardapi.StreamStatus{ExitCode: &code}
	}
	problem := apimodel.ProblemToAPI(err)
	if problem.Class == cardapi.ProblemClassInternal {
		p.log.WithError(logged(err)).Error("stream failed")
	}
	return cardapi.StreamStatus{Error: &problem}
}

// receive passes messages on to the session until the client goes or breaks
// the framing.
func (p *pipe) receive(ctx context.Context) error {
	for {
		kind, message, err := p.conn.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return p.reject(websocket.StatusUnsupportedData, errors.New("stream messages are binary"))
		}
		channel, payload, err := cardwire.FromClient(message)
		if err != nil {
			return p.reject(websocket.StatusProtocolError, err)
		}
		if err := p.handle(ctx, channel, payload); err != nil {
			return err
		}
	}
}

func (p *pipe) handle(ctx context.Context, channel cardwire.Channel, payload []byte) error {
	if channel == cardwire.Resize {
		rows, cols, err := cardwire.ParseResize(payload)
		if err != nil {
			return p.reject(websocket.StatusProtocolError, err)
		}
		if err := p.session.Resize(ctx, cardplane.TerminalSize{Rows: rows, Cols: cols}); err != nil {
			p.log.WithError(err).Debug("terminal not resized")
		}
		return nil
	}
	if !p.stdin {
		return p.reject(websocket.StatusPolicyViolation, errors.New("attach with stdin=true to send input"))
	}
	var err error
	if channel == cardwire.StdinEnd {
		err = p.session.CloseStdin()
	} else {
		_, err = p.session.Write(payload)
	}
	if err != nil {
		// The process no longer takes input. Its output is still wanted.
		p.log.WithError(err).Debug("input dropped")
	}
	return nil
}

// reject closes the connection with a code that tells the client why.
func (p *pipe) reject(code websocket.StatusCode, cause error) error {
	_ = p.conn.Close(code, cause.Error())
	return fmt.Errorf("client broke the framing: %w", cause)
}

// keepAlive sends pings so that proxies keep the connection and a client that
// is gone shows, even while its input blocks. A pong is not insisted on: a
// client whose own output is stalled does not read.
func (p *pipe) keepAlive(ctx context.Context) {
	ticker := time.NewTicker(p.ping)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			limited, cancel := context.WithTimeout(ctx, p.ping)
			if err := p.conn.Ping(limited); err != nil {
				p.log.WithError(err).Trace("no pong")
			}
			cancel()
		}
	}
}
