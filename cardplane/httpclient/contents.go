package httpclient

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// contents implements cardplane.ContentService for one kind. In the API a secret
// is a config without data.
type contents struct {
	*Client
	kind cardplane.ContentKind
}

var _ cardplane.ContentService = (*contents)(nil)

// either calls the operation of the kind.
func (c *contents) either(config, secret func() (*http.Response, error)) (*http.Response, error) {
	if c.kind == cardplane.KindSecret {
		return secret()
	}
	return config()
}

func (c *contents) content(got cardapi.Config) cardplane.Content {
	out := apimodel.ConfigFromAPI(got)
	out.Kind = c.kind
	return out
}

// one finishes a call that is answered with content.
func (c *contents) one(ctx context.Context, resp *http.Response, err error) (cardplane.Content, error) {
	got, err := decode[cardapi.Config](ctx, c.Client, resp, err)
	if err != nil {
		return cardplane.Content{}, err
	}
	return c.content(got), nil
}

func (c *contents) Create(ctx context.Context, spec cardplane.ContentSpec, key string) (cardplane.Content, error) {
	body := apimodel.ContentSpecToAPI(spec)
	resp, err := c.either(func() (*http.Response, error) {
		return c.api.CreateConfig(ctx, &cardapi.CreateConfigParams{IdempotencyKey: pointerTo(key)}, body)
	}, func() (*http.Response, error) {
		return c.api.CreateSecret(ctx, &cardapi.CreateSecretParams{IdempotencyKey: pointerTo(key)}, body)
	})
	return c.one(ctx, resp, err)
}

func (c *contents) Get(ctx context.Context, ref string) (cardplane.Content, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Content{}, err
	}
	resp, err := c.either(func() (*http.Response, error) { return c.api.GetConfig(ctx, ref) },
		func() (*http.Response, error) { return c.api.GetSecret(ctx, ref) })
	return c.one(ctx, resp, err)
}

func (c *contents) List(ctx context.Context, filter cardplane.ContentFilter) ([]cardplane.Content, error) {
	size := pageSize
	params := cardapi.ListConfigsParams{Limit: &size, Label: optionalList(filter.Labels), Name: optionalList(filter.Names)}
	var out []cardplane.Content
	for {
		resp, err := c.either(func() (*http.Response, error) { return c.api.ListConfigs(ctx, &params) },
			func() (*http.Response, error) {
				same := cardapi.ListSecretsParams(params)
				return c.api.ListSecrets(ctx, &same)
			})
		page, err := decode[cardapi.ConfigList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, got := range page.Items {
			out = append(out, c.content(got))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *contents) Update(ctx context.Context, ref string, update cardplane.ContentUpdate) (cardplane.Content, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Content{}, err
	}
	body := apimodel.ContentUpdateToAPI(update)
	resp, err := c.either(func() (*http.Response, error) { return c.api.UpdateConfig(ctx, ref, body) },
		func() (*http.Response, error) { return c.api.UpdateSecret(ctx, ref, body) })
	return c.one(ctx, resp, err)
}

func (c *contents) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	body := apimodel.ContentPruneToAPI(filter)
	resp, err := c.either(func() (*http.Response, error) { return c.api.PruneConfigs(ctx, body) },
		func() (*http.Response, error) { return c.api.PruneSecrets(ctx, body) })
	pruned, err := decode[cardapi.ContentPruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted, Bytes: pruned.ReclaimedBytes}, err
}

func (c *contents) Remove(ctx context.Context, ref string) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.either(func() (*http.Response, error) { return c.api.DeleteConfig(ctx, ref) },
		func() (*http.Response, error) { return c.api.DeleteSecret(ctx, ref) })
	return done(ctx, c.Client, resp, err)
}
