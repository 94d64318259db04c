package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) ListNetworks(ctx context.Context, r cardapi.ListNetworksRequestObject) (cardapi.ListNetworksResponseObject, error) {
	all, err := s.Networks.List(ctx, cardplane.NetworkFilter{Labels: value(r.Params.Label), Names: value(r.Params.Name)})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(n cardplane.Network) position {
		return position{at: n.CreatedAt, id: n.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListNetworks200JSONResponse{Items: each(items, apimodel.NetworkToAPI), NextCursor: next}, nil
}

func (s *server) CreateNetwork(ctx context.Context, r cardapi.CreateNetworkRequestObject) (cardapi.CreateNetworkResponseObject, error) {
	n, err := s.Networks.Create(ctx, apimodel.NetworkSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateNetwork201JSONResponse(apimodel.NetworkToAPI(n)), nil
}

func (s *server) GetNetwork(ctx context.Context, r cardapi.GetNetworkRequestObject) (cardapi.GetNetworkResponseObject, error) {
	n, err := s.Networks.Get(ctx, r.Network)
	if err != nil {
		return nil, err
	}
	return cardapi.GetNetwork200JSONResponse(apimodel.NetworkToAPI(n)), nil
}

func (s *server) PruneNetworks(ctx context.Context, r cardapi.PruneNetworksRequestObject) (cardapi.PruneNetworksResponseObject, error) {
	pruned, err := s.Networks.Prune(ctx, apimodel.NetworkPruneFromAPI(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.PruneNetworks200JSONResponse{Deleted: append([]string{}, pruned.IDs...)}, nil
}

func (s *server) DeleteNetwork(ctx context.Context, r cardapi.DeleteNetworkRequestObject) (cardapi.DeleteNetworkResponseObject, error) {
	if err := s.Networks.Remove(ctx, r.Network); err != nil {
		return nil, err
	}
	return cardapi.DeleteNetwork204Response{}, nil
}

func (s *server) ConnectContainer(ctx context.Context, r cardapi.ConnectContainerRequestObject) (cardapi.ConnectContainerResponseObject, error) {
	c, err := s.Containers.Connect(ctx, r.Container, apimodel.NICFromAPI(r.Network, *r.Body))
	if err != nil {
		return nil, err
	}
	return cardapi.ConnectContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) DisconnectContainer(ctx context.Context, r cardapi.DisconnectContainerRequestObject) (cardapi.DisconnectContainerResponseObject, error) {
	c, err := s.Containers.Disconnect(ctx, r.Container, r.Network)
	if err != nil {
		return nil, err
	}
	return cardapi.DisconnectContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}
