package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) AttachVolume(ctx context.Context, req guestapi.AttachVolumeRequestObject) (guestapi.AttachVolumeResponseObject, error) {
	if err := c.manager.AttachVolume(ctx, req.ContainerId, *req.Body); err != nil {
		return nil, err
	}
	return guestapi.AttachVolume204Response{}, nil
}

func (c *control) DetachVolume(ctx context.Context, req guestapi.DetachVolumeRequestObject) (guestapi.DetachVolumeResponseObject, error) {
	if err := c.manager.DetachVolume(ctx, req.ContainerId, req.Device); err != nil {
		return nil, err
	}
	return guestapi.DetachVolume204Response{}, nil
}
