package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// streamQueue is how many pieces of a stream may wait for a slow client; the
// source of the stream then waits, holding nothing.
const streamQueue = 8

// stream sends what next returns until io.EOF, and flushes whenever nothing
// more is at hand. A piece belongs to stream once it is returned. On a stream
// that was silent for period, heartbeat is sent; a nil heartbeat is none.
//
// next runs in the caller's goroutine and sees a context that ends when the
// client is gone.
func stream(ctx context.Context, w http.ResponseWriter, next func(context.Context) ([]byte, error), period time.Duration, heartbeat []byte) error {
	group, ctx := errgroup.WithContext(ctx)
	pieces := make(chan []byte, streamQueue)
	group.Go(func() error {
		s := &sender{out: bufio.NewWriter(w), flusher: http.NewResponseController(w)}
		return s.run(ctx, pieces, period, heartbeat)
	})
	produced := produce(ctx, pieces, next)
	close(pieces)
	return errors.Join(group.Wait(), produced)
}

func produce(ctx context.Context, pieces chan<- []byte, next func(context.Context) ([]byte, error)) error {
	for {
		piece, err := next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case pieces <- piece:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sender writes the pieces of a stream to its client.
type sender struct {
	out     *bufio.Writer
	flusher *http.ResponseController
}

func (s *sender) run(ctx context.Context, pieces <-chan []byte, period time.Duration, heartbeat []byte) error {
	// The head of the response tells the client that the stream is open.
	if err := s.flush(); err != nil {
		return err
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		piece := heartbeat
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		case p, more := <-pieces:
			if !more {
				return s.flush()
			}
			piece = p
			ticker.Reset(period)
		}
		if _, err := s.out.Write(piece); err != nil {
			return err
		}
		if len(pieces) > 0 {
			continue
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
}

func (s *sender) flush() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	return s.flusher.Flush()
}

// beginStream sends the head of a streamed response.
func beginStream(w http.ResponseWriter, contentType string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}
