package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) GetEvents(ctx context.Context, r cardapi.GetEventsRequestObject) (cardapi.GetEventsResponseObject, error) {
	opts, err := eventOptions(r.Params)
	if err != nil {
		return nil, err
	}
	reader, err := s.Events.Events(ctx, opts)
	if err != nil {
		return nil, err
	}
	return eventResponse{ctx: ctx, reader: reader, period: s.heartbeat}, nil
}

func eventOptions(p cardapi.GetEventsParams) (cardplane.EventOptions, error) {
	opts := cardplane.EventOptions{Since: -1, Follow: true, From: value(p.From), Until: value(p.Until)}
	opts.EventFilter = cardplane.EventFilter{Types: value(p.Type), Containers: value(p.Container), Labels: value(p.Label)}
	if !opts.From.IsZero() {
		opts.Since = 0
	}
	if p.Follow != nil {
		opts.Follow = *p.Follow
	}
	if p.Since != nil {
		opts.Since = *p.Since
	}
	if p.LastEventID != nil {
		last, err := strconv.ParseInt(*p.LastEventID, 10, 64)
		if err != nil {
			return opts, apierr.New(apierr.InvalidArgument, "invalid_parameter", "header Last-Event-ID is %.40q; it must be an event's sequence number", *p.LastEventID).At("Last-Event-ID")
		}
		opts.Since = last
	}
	return opts, nil
}

// eventResponse streams events as server-sent events (WHATWG HTML, section
// "Server-sent events").
type eventResponse struct {
	ctx    context.Context
	reader cardplane.EventReader
	period time.Duration
}

// VisitGetEventsResponse implements cardapi.GetEventsResponseObject.
func (e eventResponse) VisitGetEventsResponse(w http.ResponseWriter) error {
	defer func() { _ = e.reader.Close() }()
	beginStream(w, "text/event-stream")
	return stream(e.ctx, w, e.next, e.period, []byte(": heartbeat\n\n"))
}

func (e eventResponse) next(ctx context.Context) ([]byte, error) {
	event, err := e.reader.Next(ctx)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(apimodel.EventToAPI(event))
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", event.Sequence, event.Type, data), nil
}
