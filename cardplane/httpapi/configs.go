package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func contentPosition(c cardplane.Content) position { return position{at: c.CreatedAt, id: c.ID} }

func (s *server) ListConfigs(ctx context.Context, r cardapi.ListConfigsRequestObject) (cardapi.ListConfigsResponseObject, error) {
	all, err := s.Configs.List(ctx, cardplane.ContentFilter{Labels: value(r.Params.Label), Names: value(r.Params.Name)})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, contentPosition)
	if err != nil {
		return nil, err
	}
	return cardapi.ListConfigs200JSONResponse{Items: each(items, apimodel.ConfigToAPI), NextCursor: next}, nil
}

func (s *server) CreateConfig(ctx context.Context, r cardapi.CreateConfigRequestObject) (cardapi.CreateConfigResponseObject, error) {
	c, err := s.Configs.Create(ctx, apimodel.ContentSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateConfig201JSONResponse(apimodel.ConfigToAPI(c)), nil
}

func (s *server) GetConfig(ctx context.Context, r cardapi.GetConfigRequestObject) (cardapi.GetConfigResponseObject, error) {
	c, err := s.Configs.Get(ctx, r.Config)
	if err != nil {
		return nil, err
	}
	return cardapi.GetConfig200JSONResponse(apimodel.ConfigToAPI(c)), nil
}

func (s *server) UpdateConfig(ctx context.Context, r cardapi.UpdateConfigRequestObject) (cardapi.UpdateConfigResponseObject, error) {
	c, err := s.Configs.Update(ctx, r.Config, apimodel.ContentUpdateFromAPI(*r.Body))
	if err != nil {
		return nil, err
	}
	return cardapi.UpdateConfig200JSONResponse(apimodel.ConfigToAPI(c)), nil
}

func (s *server) PruneConfigs(ctx context.Context, r cardapi.PruneConfigsRequestObject) (cardapi.PruneConfigsResponseObject, error) {
	pruned, err := s.Configs.Prune(ctx, apimodel.ContentPruneFromAPI(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.PruneConfigs200JSONResponse{Deleted: append([]string{}, pruned.IDs...), ReclaimedBytes: pruned.Bytes}, nil
}

func (s *server) DeleteConfig(ctx context.Context, r cardapi.DeleteConfigRequestObject) (cardapi.DeleteConfigResponseObject, error) {
	if err := s.Configs.Remove(ctx, r.Config); err != nil {
		return nil, err
	}
	return cardapi.DeleteConfig204Response{}, nil
}
