package server

import (
	"context"
	"encoding/json"
	"net/http"

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
	created, err := c.manager.PutExec(ctx, req.ContainerId, req.ExecId, req.Body)
	if err != nil {
		return nil, err
	}
	watch := execWatch{status: http.StatusOK, run: func(report func(guestapi.Exec) error) error {
		return c.manager.WatchExec(ctx, req.ContainerId, req.ExecId, report)
	}}
	if created {
		watch.status = http.StatusCreated
	}
	return watch, nil
}

// execWatch is the answer to PutExec: an exec's states, each as it comes.
type execWatch struct {
	status int
	run    func(report func(guestapi.Exec) error) error
}

// VisitPutExecResponse implements guestapi.PutExecResponseObject.
func (w execWatch) VisitPutExecResponse(rw http.ResponseWriter) error {
	rw.Header().Set("Content-Type", "application/x-ndjson")
	rw.WriteHeader(w.status)
	lines, flusher := json.NewEncoder(rw), http.NewResponseController(rw)
	// Once the answer has begun there is no other one to give: a client that
	// goes away, or a machine that ends, cuts it.
	_ = w.run(func(e guestapi.Exec) error {
		if err := lines.Encode(e); err != nil {
			return err
		}
		return flusher.Flush()
	})
	return nil
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

func (c *control) ForgetExecs(_ context.Context, req guestapi.ForgetExecsRequestObject) (guestapi.ForgetExecsResponseObject, error) {
	if err := c.manager.ForgetExecs(req.ContainerId, req.Params.Id); err != nil {
		return nil, err
	}
	return guestapi.ForgetExecs204Response{}, nil
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
