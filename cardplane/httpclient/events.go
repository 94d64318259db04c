package httpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

type response = *http.Response

// events implements cardplane.EventService.
type events struct{ *Client }

var _ cardplane.EventService = (*events)(nil)

// Events returns a reader that lives as long as it is not closed; ctx is for
// the request alone.
func (c *events) Events(ctx context.Context, opts cardplane.EventOptions) (cardplane.EventReader, error) {
	params := &cardapi.GetEventsParams{Follow: &opts.Follow}
	if opts.Since >= 0 {
		params.Since = &opts.Since
	}
	lines, err := c.stream(ctx, func(ctx context.Context) (response, error) { return c.api.GetEvents(ctx, params) })
	if err != nil {
		return nil, err
	}
	return &eventReader{lines}, nil
}

// stream begins a streamed response. It outlives ctx.
func (c *Client) stream(ctx context.Context, call func(context.Context) (response, error)) (*lineReader, error) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	resp, err := call(long)
	body, err := c.open(ctx, resp, err)
	if err != nil {
		cancel()
		return nil, err
	}
	stop()
	return newLineReader(c.endpoint, body, cancel), nil
}

type eventReader struct{ lines *lineReader }

// Next reads the data field of the next event, which holds all of it
// (WHATWG HTML, section "Server-sent events"); everything else is skipped.
func (r *eventReader) Next(ctx context.Context) (cardplane.Event, error) {
	for {
		line, err := r.lines.next(ctx)
		if err != nil {
			return cardplane.Event{}, err
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		var event cardapi.Event
		if err := json.Unmarshal(data, &event); err != nil {
			return cardplane.Event{}, lost(r.lines.endpoint, err)
		}
		return apimodel.EventFromAPI(event), nil
	}
}

func (r *eventReader) Close() error { return r.lines.Close() }
