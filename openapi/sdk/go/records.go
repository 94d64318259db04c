package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/cardplane/cardplane/openapi/cardapi"
)

// Records reads the values of a streamed response.
type Records[T any] struct {
	lines *Lines
	// data returns the JSON that a line holds, or false for none.
	data func(line []byte) ([]byte, bool)
}

// Logs begins to read a container's output as journalled on the card.
func (c *Client) Logs(ctx context.Context, ref string, params *cardapi.GetLogsParams) (*Records[cardapi.LogRecord], error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	lines, err := c.Stream(ctx, func(ctx context.Context) (*http.Response, error) { return c.API.GetLogs(ctx, ref, params) })
	if err != nil {
		return nil, err
	}
	return &Records[cardapi.LogRecord]{lines: lines, data: wholeLine}, nil
}

// Stats begins to read what a container uses.
func (c *Client) Stats(ctx context.Context, ref string, params *cardapi.GetStatsParams) (*Records[cardapi.ContainerStats], error) {
	if err := CheckRef(ref); err != nil {
		return nil, err
	}
	lines, err := c.Stream(ctx, func(ctx context.Context) (*http.Response, error) { return c.API.GetStats(ctx, ref, params) })
	if err != nil {
		return nil, err
	}
	return &Records[cardapi.ContainerStats]{lines: lines, data: wholeLine}, nil
}

// Events begins to read what happens.
func (c *Client) Events(ctx context.Context, params *cardapi.GetEventsParams) (*Records[cardapi.Event], error) {
	lines, err := c.Stream(ctx, func(ctx context.Context) (*http.Response, error) { return c.API.GetEvents(ctx, params) })
	if err != nil {
		return nil, err
	}
	return &Records[cardapi.Event]{lines: lines, data: eventData}, nil
}

// wholeLine is how NDJSON holds values.
func wholeLine(line []byte) ([]byte, bool) { return line, true }

// eventData is how server-sent events hold them (WHATWG HTML, section
// "Server-sent events"): the data field has all of an event, everything else
// is skipped.
func eventData(line []byte) ([]byte, bool) { return bytes.CutPrefix(line, []byte("data: ")) }

// Next returns the next value, io.EOF after the last, or ctx's error, after
// which the stream cannot be read any more.
func (r *Records[T]) Next(ctx context.Context) (T, error) {
	var out T
	for {
		line, err := r.lines.Next(ctx)
		if err != nil {
			return out, err
		}
		data, ok := r.data(line)
		if !ok {
			continue
		}
		if err := json.Unmarshal(data, &out); err != nil {
			return out, r.lines.client.lost(err)
		}
		return out, nil
	}
}

// Close breaks the stream off.
func (r *Records[T]) Close() error { return r.lines.Close() }
