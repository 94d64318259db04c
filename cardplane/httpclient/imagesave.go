package httpclient

import (
	"context"
	"io"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

func (c *images) Tag(ctx context.Context, nameOrID, name string) (cardplane.Image, error) {
	if err := checkRefs(nameOrID, name); err != nil {
		return cardplane.Image{}, err
	}
	resp, err := c.api.TagImage(ctx, nameOrID, name)
	return image(decode[cardapi.Image](ctx, c.Client, resp, err))
}

func (c *images) Untag(ctx context.Context, nameOrID, name string) (cardplane.Image, error) {
	if err := checkRefs(nameOrID, name); err != nil {
		return cardplane.Image{}, err
	}
	resp, err := c.api.UntagImage(ctx, nameOrID, name)
	return image(decode[cardapi.Image](ctx, c.Client, resp, err))
}

func checkRefs(refs ...string) error {
	for _, ref := range refs {
		if err := sdk.CheckRef(ref); err != nil {
			return err
		}
	}
	return nil
}

func (c *images) History(ctx context.Context, nameOrID string) ([]cardplane.HistoryEntry, error) {
	if err := sdk.CheckRef(nameOrID); err != nil {
		return nil, err
	}
	resp, err := c.api.GetImageHistory(ctx, nameOrID)
	history, err := decode[cardapi.ImageHistory](ctx, c.Client, resp, err)
	return apimodel.HistoryFromAPI(history), err
}

func (c *images) Save(ctx context.Context, opts cardplane.SaveOptions) (io.ReadCloser, error) {
	return c.sdk.SaveImages(ctx, apimodel.SaveToAPI(opts))
}

// Prune leaves opts.InUse out: the control plane knows what is in use.
func (c *images) Prune(ctx context.Context, opts cardplane.ImagePruneOptions) (cardplane.Pruned, error) {
	resp, err := c.api.PruneImages(ctx, apimodel.ImagePruneToAPI(opts))
	pruned, err := decode[cardapi.ImagePruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted, Bytes: pruned.ReclaimedBytes}, err
}
