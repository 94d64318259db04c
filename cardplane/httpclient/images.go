package httpclient

import (
	"context"
	"io"
	"net/http"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// images implements cardplane.ImageService.
type images struct{ *Client }

var _ cardplane.ImageService = (*images)(nil)

func image(i cardapi.Image, err error) (cardplane.Image, error) {
	if err != nil {
		return cardplane.Image{}, err
	}
	return apimodel.ImageFromAPI(i), nil
}

// Load sends r as it is read. The caller's reader is not closed.
func (c *images) Load(ctx context.Context, r io.Reader, opts cardplane.LoadOptions) ([]cardplane.Image, error) {
	if opts.Progress != nil {
		return c.follow(ctx, opts.Progress, func(ctx context.Context) (*http.Response, error) {
			return c.api.LoadImagesWithBody(ctx, &cardapi.LoadImagesParams{Progress: pointerTo(true)}, "application/octet-stream", io.NopCloser(r))
		})
	}
	resp, err := c.api.LoadImagesWithBody(ctx, &cardapi.LoadImagesParams{}, "application/octet-stream", io.NopCloser(r))
	list, err := decode[cardapi.ImageList](ctx, c.Client, resp, err)
	if err != nil {
		return nil, err
	}
	return fromList(list), nil
}

func fromList(list cardapi.ImageList) []cardplane.Image {
	var out []cardplane.Image
	for _, item := range list.Items {
		out = append(out, apimodel.ImageFromAPI(item))
	}
	return out
}

func (c *images) Pull(ctx context.Context, ref string, opts cardplane.PullOptions) (cardplane.Image, error) {
	body := apimodel.PullToAPI(ref, opts)
	if opts.Progress != nil {
		pulled, err := c.follow(ctx, opts.Progress, func(ctx context.Context) (*http.Response, error) {
			return c.api.PullImage(ctx, &cardapi.PullImageParams{Progress: pointerTo(true)}, body)
		})
		if err != nil || len(pulled) != 1 {
			return cardplane.Image{}, err
		}
		return pulled[0], nil
	}
	resp, err := c.api.PullImage(ctx, &cardapi.PullImageParams{}, body)
	return image(decode[cardapi.Image](ctx, c.Client, resp, err))
}

// follow makes a call that is answered with a stream of progress.
func (c *images) follow(ctx context.Context, report cardplane.ProgressFunc, call func(context.Context) (*http.Response, error)) ([]cardplane.Image, error) {
	items, err := c.sdk.Follow(ctx, func(p cardapi.ImageProgress) { report(apimodel.ProgressFromAPI(p)) }, call)
	if err != nil {
		return nil, err
	}
	return fromList(cardapi.ImageList{Items: items}), nil
}

// List returns the newest image first, as the interface wants it; the API
// has it last.
func (c *images) List(ctx context.Context, filter cardplane.ImageFilter) ([]cardplane.Image, error) {
	size := pageSize
	params := &cardapi.ListImagesParams{Limit: &size, Label: optionalList(filter.Labels), Name: optionalList(filter.Names)}
	var out []cardplane.Image
	for {
		resp, err := c.api.ListImages(ctx, params)
		page, err := decode[cardapi.ImageList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		out = append(out, fromList(page)...)
		if page.NextCursor == nil {
			slices.Reverse(out)
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *images) Get(ctx context.Context, nameOrID string) (cardplane.Image, error) {
	if err := sdk.CheckRef(nameOrID); err != nil {
		return cardplane.Image{}, err
	}
	resp, err := c.api.GetImage(ctx, nameOrID)
	return image(decode[cardapi.Image](ctx, c.Client, resp, err))
}

// Remove leaves opts.InUse out: the control plane knows what is in use.
func (c *images) Remove(ctx context.Context, nameOrID string, opts cardplane.RemoveOptions) (cardplane.RemovedImage, error) {
	if err := sdk.CheckRef(nameOrID); err != nil {
		return cardplane.RemovedImage{}, err
	}
	resp, err := c.api.DeleteImage(ctx, nameOrID, &cardapi.DeleteImageParams{Force: &opts.Force})
	removed, err := decode[cardapi.ImageRemoval](ctx, c.Client, resp, err)
	if err != nil {
		return cardplane.RemovedImage{}, err
	}
	return apimodel.RemovedImageFromAPI(removed), nil
}

func (c *images) Block(_ context.Context, id string) (cardplane.BlockFile, error) {
	return cardplane.BlockFile{}, notRemote("the block file of image " + id)
}

func (c *images) DiskUsage(context.Context, []string) ([]cardplane.DiskUsage, error) {
	return nil, notRemote("the disk usage of images alone")
}

func (c *images) ResolveUser(_ context.Context, id, _ string, _ []string) (specs.User, error) {
	return specs.User{}, notRemote("the users of image " + id)
}

func notRemote(what string) error {
	return apierr.New(apierr.NotSupported, "not_remote", "%s can be had on the card only", what)
}

// Close does nothing: the client owns the connections.
func (c *images) Close() error { return nil }
