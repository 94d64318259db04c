package httpclient

import (
	"context"
	"io"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

func (c *containers) StatPath(ctx context.Context, ref, path string) (cardplane.PathStat, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.PathStat{}, err
	}
	resp, err := c.sdk.API.StatPath(ctx, ref, &cardapi.StatPathParams{Path: path})
	stat, err := decode[cardapi.PathStat](ctx, c.Client, resp, err)
	if err != nil {
		return cardplane.PathStat{}, err
	}
	return apimodel.PathStatFromAPI(stat), nil
}

func (c *containers) CopyFrom(ctx context.Context, ref, path string) (io.ReadCloser, error) {
	return c.sdk.CopyFrom(ctx, ref, path)
}

func (c *containers) CopyTo(ctx context.Context, ref, dir string, archive io.Reader) error {
	return c.sdk.CopyTo(ctx, ref, dir, archive)
}
