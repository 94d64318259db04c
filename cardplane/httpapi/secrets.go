package httpapi

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

func (s *server) ListSecrets(ctx context.Context, r cardapi.ListSecretsRequestObject) (cardapi.ListSecretsResponseObject, error) {
	all, err := s.Secrets.List(ctx, cardplane.ContentFilter{Labels: value(r.Params.Label), Names: value(r.Params.Name)})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, contentPosition)
	if err != nil {
		return nil, err
	}
	return cardapi.ListSecrets200JSONResponse{Items: each(items, apimodel.SecretToAPI), NextCursor: next}, nil
}

func (s *server) CreateSecret(ctx context.Context, r cardapi.CreateSecretRequestObject) (cardapi.CreateSecretResponseObject, error) {
	c, err := s.Secrets.Create(ctx, apimodel.ContentSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateSecret201JSONResponse(apimodel.SecretToAPI(c)), nil
}

func (s *server) GetSecret(ctx context.Context, r cardapi.GetSecretRequestObject) (cardapi.GetSecretResponseObject, error) {
	c, err := s.Secrets.Get(ctx, r.Secret)
	if err != nil {
		return nil, err
	}
	return cardapi.GetSecret200JSONResponse(apimodel.SecretToAPI(c)), nil
}

func (s *server) UpdateSecret(ctx context.Context, r cardapi.UpdateSecretRequestObject) (cardapi.UpdateSecretResponseObject, error) {
	c, err := s.Secrets.Update(ctx, r.Secret, apimodel.ContentUpdateFromAPI(*r.Body))
	if err != nil {
		return nil, err
	}
	return cardapi.UpdateSecret200JSONResponse(apimodel.SecretToAPI(c)), nil
}

func (s *server) PruneSecrets(ctx context.Context, r cardapi.PruneSecretsRequestObject) (cardapi.PruneSecretsResponseObject, error) {
	pruned, err := s.Secrets.Prune(ctx, apimodel.ContentPruneFromAPI(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.PruneSecrets200JSONResponse{Deleted: append([]string{}, pruned.IDs...), ReclaimedBytes: pruned.Bytes}, nil
}

func (s *server) DeleteSecret(ctx context.Context, r cardapi.DeleteSecretRequestObject) (cardapi.DeleteSecretResponseObject, error) {
	if err := s.Secrets.Remove(ctx, r.Secret); err != nil {
		return nil, err
	}
	return cardapi.DeleteSecret204Response{}, nil
}
