package httpclient

import (
	"context"
	"errors"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// networks implements cardplane.NetworkService.
type networks struct{ *Client }

var _ cardplane.NetworkService = (*networks)(nil)

func network(n cardapi.Network, err error) (cardplane.Network, error) {
	if err != nil {
		return cardplane.Network{}, err
	}
	return apimodel.NetworkFromAPI(n), nil
}

func (c *networks) Create(ctx context.Context, spec cardplane.NetworkSpec, key string) (cardplane.Network, error) {
	resp, err := c.api.CreateNetwork(ctx, &cardapi.CreateNetworkParams{IdempotencyKey: pointerTo(key)}, apimodel.NetworkSpecToAPI(spec))
	return network(decode[cardapi.Network](ctx, c.Client, resp, err))
}

func (c *networks) Get(ctx context.Context, ref string) (cardplane.Network, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Network{}, err
	}
	resp, err := c.api.GetNetwork(ctx, ref)
	return network(decode[cardapi.Network](ctx, c.Client, resp, err))
}

func (c *networks) List(ctx context.Context, filter cardplane.NetworkFilter) ([]cardplane.Network, error) {
	size := pageSize
	params := &cardapi.ListNetworksParams{Limit: &size, Label: optionalList(filter.Labels), Name: optionalList(filter.Names)}
	var out []cardplane.Network
	for {
		resp, err := c.api.ListNetworks(ctx, params)
		page, err := decode[cardapi.NetworkList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, n := range page.Items {
			out = append(out, apimodel.NetworkFromAPI(n))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *networks) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	resp, err := c.api.PruneNetworks(ctx, apimodel.NetworkPruneToAPI(filter))
	pruned, err := decode[cardapi.NetworkPruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted}, err
}

func (c *networks) Remove(ctx context.Context, ref string) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.DeleteNetwork(ctx, ref)
	return done(ctx, c.Client, resp, err)
}

// Connect implements cardplane.NICService.
func (c *containers) Connect(ctx context.Context, ref string, nic cardplane.NIC) (cardplane.Container, error) {
	if err := errors.Join(sdk.CheckRef(ref), sdk.CheckRef(nic.Network)); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.ConnectContainer(ctx, nic.Network, ref, apimodel.NICOptionsToAPI(nic))
	return connection(decode[cardapi.Container](ctx, c.Client, resp, err))
}

// Disconnect implements cardplane.NICService.
func (c *containers) Disconnect(ctx context.Context, ref, network string) (cardplane.Container, error) {
	if err := errors.Join(sdk.CheckRef(ref), sdk.CheckRef(network)); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.DisconnectContainer(ctx, network, ref)
	return connection(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func connection(c cardapi.Container, err error) (cardplane.Container, error) {
	if err != nil {
		return cardplane.Container{}, err
	}
	return apimodel.ContainerFromAPI(c), nil
}
