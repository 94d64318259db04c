package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// lineReader is what a stream of lines is read from.
type lineReader[T any] interface {
	io.Closer
	Next(ctx context.Context) (T, error)
}

// lines streams what a reader has as NDJSON, each item in the API's form, and
// closes the reader.
type lines[T, A any] struct {
	ctx    context.Context
	reader lineReader[T]
	toAPI  func(T) A
	period time.Duration
}

func (l lines[T, A]) visit(w http.ResponseWriter) error {
	defer func() { _ = l.reader.Close() }()
	beginStream(w, "application/x-ndjson")
	return stream(l.ctx, w, l.next, l.period, nil)
}

func (l lines[T, A]) next(ctx context.Context) ([]byte, error) {
	item, err := l.reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	return line(l.toAPI(item))
}

// line is v as a line of NDJSON.
func line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(text, '\n'), err
}
