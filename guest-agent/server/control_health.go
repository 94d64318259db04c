package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) GetHealth(ctx context.Context, req guestapi.GetHealthRequestObject) (guestapi.GetHealthResponseObject, error) {
	ctx, cancel, err := waitContext(ctx, req.Params.TimeoutSeconds)
	if err != nil {
		return nil, err
	}
	defer cancel()
	health, err := c.manager.Health(ctx, req.ContainerId, req.Params.After)
	if err != nil {
		return nil, err
	}
	return guestapi.GetHealth200JSONResponse(health), nil
}
