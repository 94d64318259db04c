package httpclient

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// Stats returns a reader that lives as long as it is not closed; ctx is for
// the request alone. The API counts its interval in whole seconds.
func (c *containers) Stats(ctx context.Context, ref string, opts cardplane.StatsOptions) (cardplane.StatsReader, error) {
	seconds := int((opts.Interval + time.Second - 1) / time.Second)
	records, err := c.sdk.Stats(ctx, ref, &cardapi.GetStatsParams{Follow: &opts.Follow, IntervalSeconds: pointerTo(seconds)})
	if err != nil {
		return nil, err
	}
	return &statsReader{records}, nil
}

type statsReader struct {
	*sdk.Records[cardapi.ContainerStats]
}

func (r *statsReader) Next(ctx context.Context) (cardplane.Stats, error) {
	record, err := r.Records.Next(ctx)
	if err != nil {
		return cardplane.Stats{}, err
	}
	return apimodel.StatsFromAPI(record), nil
}

func (c *containers) Processes(ctx context.Context, ref string) ([]cardplane.Process, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return nil, err
	}
	resp, err := c.sdk.API.GetProcesses(ctx, ref)
	list, err := decode[cardapi.ProcessList](ctx, c.Client, resp, err)
	if err != nil {
		return nil, err
	}
	var out []cardplane.Process
	for _, p := range list.Items {
		out = append(out, apimodel.ProcessFromAPI(p))
	}
	return out, nil
}
