package server

import (
	"context"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

func (c *control) ListExecs(_ context.Context, req guestapi.ListExecsRequestObject) (guestapi.ListExecsResponseObject, error) {
	list, err := c.manager.ListExecs(req.ContainerId)
	if err != nil {
		return nil, err
	}
	return guestapi.ListExecs200JSONResponse(list), nil
}

func (c *control) PutExec(ctx context.Context, req guestapi.PutExecRequestObject) (guestapi.PutExecResponseObject, error) {
	view, created, err := c.manager.PutExec(ctx, req.ContainerId, req.ExecId, req.Body)
	if err != nil {
		return nil, err
	}
	if created {
		return guestapi.PutExec201JSONResponse(view), nil
	}
	return guestapi.PutExec200JSONResponse(view), nil
}

func (c *control) GetExec(_ context.Context, req guestapi.GetExecRequestObject) (guestapi.GetExecResponseObject, error) {
	view, err := c.manager.GetExec(req.ContainerId, req.ExecId)
	if err != nil {
		return nil, err
	}
	return guestapi.GetExec200JSONResponse(view), nil
}

func (c *control) DeleteExec(ctx context.Context, req guestapi.DeleteExecRequestObject) (guestapi.DeleteExecResponseObject, error) {
	if err := c.manager.DeleteExec(ctx, req.ContainerId, req.ExecId, req.Params.Force); err != nil {
		return nil, err
	}
	return guestapi.DeleteExec204Response{}, nil
}

func (c *control) WaitExec(ctx context.Context, req guestapi.WaitExecRequestObject) (guestapi.WaitExecResponseObject, error) {
	ctx, cancel, err := waitContext(ctx, req.Params.TimeoutSeconds)
	if err != nil {
		return nil, err
	}
	defer cancel()
	view, err := c.manager.WaitExec(ctx, req.ContainerId, req.ExecId)
	if err != nil {
		return nil, err
	}
	return guestapi.WaitExec200JSONResponse(view), nil
}

func (c *control) KillExec(_ context.Context, req guestapi.KillExecRequestObject) (guestapi.KillExecResponseObject, error) {
	sig, err := signalOf(req.Body.Signal)
	if err != nil {
		return nil, err
	}
	if err := c.manager.KillExec(req.ContainerId, req.ExecId, sig); err != nil {
		return nil, err
	}
	return guestapi.KillExec204Response{}, nil
}

func (c *control) ResizeExec(_ context.Context, req guestapi.ResizeExecRequestObject) (guestapi.ResizeExecResponseObject, error) {
	if err := c.manager.ResizeExec(req.ContainerId, req.ExecId, *req.Body); err != nil {
		return nil, err
	}
	return guestapi.ResizeExec204Response{}, nil
}
