package httpclient

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (c *containers) Wait(ctx context.Context, ref string, until cardplane.WaitCondition) (cardplane.Container, error) {
	return container(c.sdk.Wait(ctx, ref, cardapi.WaitCondition(until)))
}

func (c *containers) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	body := cardapi.ContainerPrune{}
	if len(filter.Labels) > 0 {
		body.Labels = &filter.Labels
	}
	if !filter.Until.IsZero() {
		body.Until = &filter.Until
	}
	resp, err := c.api.PruneContainers(ctx, body)
	pruned, err := decode[cardapi.ContainerPruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted, Bytes: pruned.ReclaimedBytes}, err
}
