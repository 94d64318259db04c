package httpclient

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// sandboxes implements cardplane.SandboxService.
type sandboxes struct{ *Client }

var _ cardplane.SandboxService = (*sandboxes)(nil)

func sandbox(v cardapi.Sandbox, err error) (cardplane.Sandbox, error) {
	if err != nil {
		return cardplane.Sandbox{}, err
	}
	return apimodel.SandboxFromAPI(v), nil
}

func (c *sandboxes) Create(ctx context.Context, spec cardplane.SandboxSpec, key string) (cardplane.Sandbox, error) {
	resp, err := c.api.CreateSandbox(ctx, &cardapi.CreateSandboxParams{IdempotencyKey: pointerTo(key)}, apimodel.SandboxSpecToAPI(spec))
	return sandbox(decode[cardapi.Sandbox](ctx, c.Client, resp, err))
}

func (c *sandboxes) Get(ctx context.Context, ref string) (cardplane.Sandbox, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Sandbox{}, err
	}
	resp, err := c.api.GetSandbox(ctx, ref)
	return sandbox(decode[cardapi.Sandbox](ctx, c.Client, resp, err))
}

func (c *sandboxes) List(ctx context.Context, filter cardplane.SandboxFilter) ([]cardplane.Sandbox, error) {
	size := pageSize
	params := &cardapi.ListSandboxesParams{
		Limit: &size, State: optionalList(apimodel.SandboxStatesToAPI(filter.States)),
		Label: optionalList(filter.Labels), Name: optionalList(filter.Names),
	}
	var out []cardplane.Sandbox
	for {
		resp, err := c.api.ListSandboxes(ctx, params)
		page, err := decode[cardapi.SandboxList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Items {
			out = append(out, apimodel.SandboxFromAPI(v))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *sandboxes) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	resp, err := c.api.PruneSandboxes(ctx, apimodel.SandboxPruneToAPI(filter))
	pruned, err := decode[cardapi.SandboxPruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted}, err
}

func (c *sandboxes) Remove(ctx context.Context, ref string, force bool) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.DeleteSandbox(ctx, ref, &cardapi.DeleteSandboxParams{Force: &force})
	return done(ctx, c.Client, resp, err)
}
