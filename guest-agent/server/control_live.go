package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) PutFile(ctx context.Context, req guestapi.PutFileRequestObject) (guestapi.PutFileResponseObject, error) {
	if err := c.manager.PutFile(ctx, req.ContainerId, req.Body); err != nil {
		return nil, err
	}
	return guestapi.PutFile204Response{}, nil
}
