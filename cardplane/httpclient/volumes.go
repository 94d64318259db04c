package httpclient

import (
	"context"
	"errors"
	"io"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// volumes implements cardplane.VolumeService.
type volumes struct{ *Client }

var _ cardplane.VolumeService = (*volumes)(nil)

func volume(v cardapi.Volume, err error) (cardplane.Volume, error) {
	if err != nil {
		return cardplane.Volume{}, err
	}
	return apimodel.VolumeFromAPI(v), nil
}

func (c *volumes) Create(ctx context.Context, spec cardplane.VolumeSpec, key string) (cardplane.Volume, error) {
	resp, err := c.api.CreateVolume(ctx, &cardapi.CreateVolumeParams{IdempotencyKey: pointerTo(key)}, apimodel.VolumeSpecToAPI(spec))
	return volume(decode[cardapi.Volume](ctx, c.Client, resp, err))
}

func (c *volumes) Get(ctx context.Context, ref string) (cardplane.Volume, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Volume{}, err
	}
	resp, err := c.api.GetVolume(ctx, ref)
	return volume(decode[cardapi.Volume](ctx, c.Client, resp, err))
}

func (c *volumes) List(ctx context.Context, filter cardplane.VolumeFilter) ([]cardplane.Volume, error) {
	size := pageSize
	params := &cardapi.ListVolumesParams{Limit: &size, Label: optionalList(filter.Labels), Name: optionalList(filter.Names)}
	var out []cardplane.Volume
	for {
		resp, err := c.api.ListVolumes(ctx, params)
		page, err := decode[cardapi.VolumeList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Items {
			out = append(out, apimodel.VolumeFromAPI(v))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *volumes) Resize(ctx context.Context, ref string, size int64) (cardplane.Volume, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Volume{}, err
	}
	resp, err := c.api.UpdateVolume(ctx, ref, cardapi.VolumeUpdate{SizeBytes: size})
	return volume(decode[cardapi.Volume](ctx, c.Client, resp, err))
}

func (c *volumes) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	resp, err := c.api.PruneVolumes(ctx, apimodel.VolumePruneToAPI(filter))
	pruned, err := decode[cardapi.VolumePruned](ctx, c.Client, resp, err)
	return cardplane.Pruned{IDs: pruned.Deleted, Bytes: pruned.ReclaimedBytes}, err
}

func (c *volumes) Remove(ctx context.Context, ref string) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.DeleteVolume(ctx, ref)
	return done(ctx, c.Client, resp, err)
}

// AttachVolume implements cardplane.MountService.
func (c *containers) AttachVolume(ctx context.Context, ref string, m cardplane.VolumeMount) (cardplane.Container, error) {
	if err := errors.Join(sdk.CheckRef(ref), sdk.CheckRef(m.Volume)); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.AttachVolume(ctx, m.Volume, ref, apimodel.MountOptionsToAPI(m))
	return connection(decode[cardapi.Container](ctx, c.Client, resp, err))
}

// DetachVolume implements cardplane.MountService.
func (c *containers) DetachVolume(ctx context.Context, ref, volume string) (cardplane.Container, error) {
	if err := errors.Join(sdk.CheckRef(ref), sdk.CheckRef(volume)); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.DetachVolume(ctx, volume, ref)
	return connection(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *volumes) Export(ctx context.Context, ref string) (io.ReadCloser, error) {
	return c.sdk.ExportVolume(ctx, ref)
}

func (c *volumes) Import(ctx context.Context, ref string, archive io.Reader) error {
	return c.sdk.ImportVolume(ctx, ref, archive)
}
