package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) PutNetwork(ctx context.Context, req guestapi.PutNetworkRequestObject) (guestapi.PutNetworkResponseObject, error) {
	if err := c.network.Set(ctx, req.Body); err != nil {
		return nil, err
	}
	return guestapi.PutNetwork204Response{}, nil
}
