package httpclient

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

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
	params.From, params.Until = timeTo(opts.From), timeTo(opts.Until)
	params.Type, params.Container, params.Label = optionalList(opts.Types), optionalList(opts.Containers), optionalList(opts.Labels)
	records, err := c.sdk.Events(ctx, params)
	if err != nil {
		return nil, err
	}
	return &eventReader{records}, nil
}

type eventReader struct{ *sdk.Records[cardapi.Event] }

func (r *eventReader) Next(ctx context.Context) (cardplane.Event, error) {
	event, err := r.Records.Next(ctx)
	if err != nil {
		return cardplane.Event{}, err
	}
	return apimodel.EventFromAPI(event), nil
}
