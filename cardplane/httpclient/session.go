package httpclient

import (
	"context"
	"net/url"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardwire"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

func (c *containers) Attach(ctx context.Context, ref string, opts cardplane.AttachOptions) (cardplane.Session, error) {
	query := url.Values{}
	if opts.Stdin {
		query.Set("stdin", "true")
	}
	if opts.Replay {
		query.Set("replay", "true")
	}
	return attached(c.sdk.Attach(ctx, ref, query))
}

func (c *containers) AttachExec(ctx context.Context, ref, execID string) (cardplane.Session, error) {
	return attached(c.sdk.AttachExec(ctx, ref, execID))
}

func attached(s *sdk.Session, err error) (cardplane.Session, error) {
	if err != nil {
		return nil, err
	}
	return &session{s}, nil
}

// session is an attachment over a WebSocket.
type session struct{ *sdk.Session }

var _ cardplane.Session = (*session)(nil)

func (s *session) Recv(ctx context.Context) (cardplane.Output, error) {
	channel, data, err := s.Session.Recv(ctx)
	if err != nil {
		return cardplane.Output{}, err
	}
	stream := cardplane.Stdout
	if channel == cardwire.Stderr {
		stream = cardplane.Stderr
	}
	return cardplane.Output{Stream: stream, Data: data}, nil
}

func (s *session) Resize(ctx context.Context, size cardplane.TerminalSize) error {
	return s.Session.Resize(ctx, size.Rows, size.Cols)
}
