package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) ListSandboxes(ctx context.Context, r cardapi.ListSandboxesRequestObject) (cardapi.ListSandboxesResponseObject, error) {
	all, err := s.Sandboxes.List(ctx, cardplane.SandboxFilter{
		States: apimodel.SandboxStatesFromAPI(value(r.Params.State)), Labels: value(r.Params.Label), Names: value(r.Params.Name),
	})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(v cardplane.Sandbox) position {
		return position{at: v.CreatedAt, id: v.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListSandboxes200JSONResponse{Items: each(items, apimodel.SandboxToAPI), NextCursor: next}, nil
}

func (s *server) CreateSandbox(ctx context.Context, r cardapi.CreateSandboxRequestObject) (cardapi.CreateSandboxResponseObject, error) {
	v, err := s.Sandboxes.Create(ctx, apimodel.SandboxSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateSandbox201JSONResponse(apimodel.SandboxToAPI(v)), nil
}

func (s *server) GetSandbox(ctx context.Context, r cardapi.GetSandboxRequestObject) (cardapi.GetSandboxResponseObject, error) {
	v, err := s.Sandboxes.Get(ctx, r.Sandbox)
	if err != nil {
		return nil, err
	}
	return cardapi.GetSandbox200JSONResponse(apimodel.SandboxToAPI(v)), nil
}

func (s *server) PruneSandboxes(ctx context.Context, r cardapi.PruneSandboxesRequestObject) (cardapi.PruneSandboxesResponseObject, error) {
	pruned, err := s.Sandboxes.Prune(ctx, apimodel.SandboxPruneFromAPI(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.PruneSandboxes200JSONResponse{Deleted: append([]string{}, pruned.IDs...)}, nil
}

func (s *server) DeleteSandbox(ctx context.Context, r cardapi.DeleteSandboxRequestObject) (cardapi.DeleteSandboxResponseObject, error) {
	if err := s.Sandboxes.Remove(ctx, r.Sandbox, value(r.Params.Force)); err != nil {
		return nil, err
	}
	return cardapi.DeleteSandbox204Response{}, nil
}
