package guestclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

const (
	// headerSize is the length of a DNS message's header, in bytes.
	headerSize = 12
	// maxAsked bounds the queries of a guest that are answered at a time, and
	// maxQuery their length, in bytes. A guest that sends more waits.
	maxAsked = 64
	maxQuery = 4096
)

// PutNetwork configures the machine's interfaces, and the names that it knows.
// It is idempotent.
func (c *Client) PutNetwork(ctx context.Context, config guestapi.Network) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.PutNetwork(ctx, &guestapi.PutNetworkParams{CardplaneEpoch: c.epoch}, config))
	return err
}

// ServeNames answers what the guest asks for names, until the connection breaks
// or ctx ends; opened is called when it stands. answer gets a message of at most
// maxQuery bytes, which may be anything, and returns nil for no answer. It is
// called by several goroutines at a time.
func (c *Client) ServeNames(ctx context.Context, opened func(), answer func(ctx context.Context, query []byte) []byte) error {
	conn, in, _, err := c.openConn(ctx, guestwire.StreamRequest{Stream: guestwire.Names})
	if err != nil {
		return err
	}
	opened()
	ctx, cancel := context.WithCancel(ctx)
	s := &namesServer{conn: conn, answer: answer, tokens: make(chan struct{}, maxAsked)}
	defer s.work.Wait()
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	frames := guestwire.NewFrameReader(in)
	for {
		if in.Buffered() == 0 {
			frames.Release()
		}
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return unreachable(err)
		}
		if err == nil && (frame.Kind != guestwire.Data || len(frame.Data) < headerSize || len(frame.Data) > maxQuery) {
			err = fmt.Errorf("%w: what it sends is no query for a name", ErrProtocol)
		}
		if err != nil {
			return err
		}
		if err := s.take(ctx, slices.Clone(frame.Data)); err != nil {
			return err
		}
	}
}

// namesServer answers the queries of one connection.
type namesServer struct {
	conn   net.Conn
	answer func(ctx context.Context, query []byte) []byte
	tokens chan struct{}
	work   sync.WaitGroup

	sending sync.Mutex
}

// take sets the answer to a query going.
func (s *namesServer) take(ctx context.Context, query []byte) error {
	select {
	case s.tokens <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.work.Go(func() {
		defer func() { <-s.tokens }()
		ctx, cancel := context.WithTimeout(ctx, guestwire.NamesTimeout)
		defer cancel()
		if answer := s.answer(ctx, query); answer != nil {
			s.send(answer)
		}
	})
	return nil
}

// send sends an answer. A guest that does not take it is cut off.
func (s *namesServer) send(answer []byte) {
	if len(answer) > guestwire.MaxPayloadSize {
		return
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = guestwire.WriteData(s.conn, answer)
	}
	if err != nil {
		_ = s.conn.Close()
	}
}
