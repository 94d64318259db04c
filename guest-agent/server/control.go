package server

import (
	"context"
	"net/http"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	maxWaitSeconds = 3600
	maxSignal      = 64
	// minEntropy and maxEntropy bound what a renewal brings, in bytes.
	minEntropy = 32
	maxEntropy = 512
)

// handler returns the HTTP API.
func (s *Server) handler() http.Handler {
	strict := guestapi.NewStrictHandlerWithOptions(&control{s}, nil, guestapi.StrictHTTPServerOptions{
		RequestErrorHandlerFunc: badRequest,
		ResponseErrorHandlerFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			if apierr.ClassOf(err) == apierr.Internal {
				s.log.WithError(err).WithField("request", r.Method+" "+r.URL.Path).Error("request failed")
			}
			apierr.Write(w, err)
		},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		apierr.Write(w, apierr.New(apierr.NotFound, "bad_request", "there is no %s %s", r.Method, r.URL.Path))
	})
	api := guestapi.HandlerWithOptions(strict, guestapi.StdHTTPServerOptions{BaseRouter: mux, ErrorHandlerFunc: badRequest})
	return s.epoch.middleware(limitBodies(api))
}

func badRequest(w http.ResponseWriter, r *http.Request, err error) {
	apierr.Write(w, apierr.New(apierr.InvalidArgument, "bad_request", "%s %s: %w", r.Method, r.URL.Path, err))
}

// control implements the generated server interface.
type control struct{ *Server }

var _ guestapi.StrictServerInterface = (*control)(nil)

func (c *control) GetInfo(context.Context, guestapi.GetInfoRequestObject) (guestapi.GetInfoResponseObject, error) {
	info, err := c.machine.Info()
	if err != nil {
		return nil, err
	}
	info.Epoch = c.epoch.current()
	return guestapi.GetInfo200JSONResponse(info), nil
}

func (c *control) GetMemory(context.Context, guestapi.GetMemoryRequestObject) (guestapi.GetMemoryResponseObject, error) {
	memory, err := c.machine.Memory()
	if err != nil {
		return nil, err
	}
	return guestapi.GetMemory200JSONResponse(memory), nil
}

func (c *control) Renew(_ context.Context, req guestapi.RenewRequestObject) (guestapi.RenewResponseObject, error) {
	entropy := req.Body.EntropyBase64
	if len(entropy) < minEntropy || len(entropy) > maxEntropy {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request",
			"entropyBase64 has %d bytes; give %d to %d", len(entropy), minEntropy, maxEntropy).At("/entropyBase64")
	}
	if req.Body.Time.Before(time.Unix(0, 0)) {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request",
			"time is %s; a clock begins in 1970", req.Body.Time.Format(time.RFC3339)).At("/time")
	}
	if err := c.machine.Renew(entropy, req.Body.Time); err != nil {
		return nil, err
	}
	return guestapi.Renew204Response{}, nil
}

func (c *control) PowerOff(_ context.Context, req guestapi.PowerOffRequestObject) (guestapi.PowerOffResponseObject, error) {
	seconds := req.Body.GraceSeconds
	if seconds < 0 || seconds > maxWaitSeconds {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "graceSeconds is %d; it may be 0 to %d", seconds, maxWaitSeconds).At("/graceSeconds")
	}
	c.machine.PowerOff(time.Duration(seconds) * time.Second)
	return guestapi.PowerOff202Response{}, nil
}

func (c *control) GrowVolume(ctx context.Context, req guestapi.GrowVolumeRequestObject) (guestapi.GrowVolumeResponseObject, error) {
	if req.Body.SizeBytes < 1 {
		return nil, apierr.New(apierr.InvalidArgument, "bad_request", "sizeBytes is %d; give the disk's size", req.Body.SizeBytes).At("/sizeBytes")
	}
	if err := c.manager.GrowVolume(ctx, req.Device, req.Body.SizeBytes); err != nil {
		return nil, err
	}
	return guestapi.GrowVolume204Response{}, nil
}

func (c *control) ListContainers(context.Context, guestapi.ListContainersRequestObject) (guestapi.ListContainersResponseObject, error) {
	return guestapi.ListContainers200JSONResponse(c.manager.List()), nil
}

func (c *control) PutContainer(ctx context.Context, req guestapi.PutContainerRequestObject) (guestapi.PutContainerResponseObject, error) {
	view, created, err := c.manager.Put(ctx, req.ContainerId, req.Body)
	if err != nil {
		return nil, err
	}
	if created {
		return guestapi.PutContainer201JSONResponse(view), nil
	}
	return guestapi.PutContainer200JSONResponse(view), nil
}

func (c *control) GetContainer(_ context.Context, req guestapi.GetContainerRequestObject) (guestapi.GetContainerResponseObject, error) {
	view, err := c.manager.Get(req.ContainerId)
	if err != nil {
		return nil, err
	}
	return guestapi.GetContainer200JSONResponse(view), nil
}

func (c *control) DeleteContainer(ctx context.Context, req guestapi.DeleteContainerRequestObject) (guestapi.DeleteContainerResponseObject, error) {
	if err := c.manager.Delete(ctx, req.ContainerId, req.Params.Force); err != nil {
		return nil, err
	}
	return guestapi.DeleteContainer204Response{}, nil
}

func (c *control) WaitContainer(ctx context.Context, req guestapi.WaitContainerRequestObject) (guestapi.WaitContainerResponseObject, error) {
	ctx, cancel, err := waitContext(ctx, req.Params.TimeoutSeconds)
	if err != nil {
		return nil, err
	}
	defer cancel()
	view, err := c.manager.Wait(ctx, req.ContainerId)
	if err != nil {
		return nil, err
	}
	return guestapi.WaitContainer200JSONResponse(view), nil
}

func (c *control) KillContainer(_ context.Context, req guestapi.KillContainerRequestObject) (guestapi.KillContainerResponseObject, error) {
	sig, err := signalOf(req.Body.Signal)
	if err != nil {
		return nil, err
	}
	if err := c.manager.Kill(req.ContainerId, sig, req.Body.All); err != nil {
		return nil, err
	}
	return guestapi.KillContainer204Response{}, nil
}

func (c *control) PutLimits(_ context.Context, req guestapi.PutLimitsRequestObject) (guestapi.PutLimitsResponseObject, error) {
	if err := c.manager.Limit(req.ContainerId, *req.Body); err != nil {
		return nil, err
	}
	return guestapi.PutLimits204Response{}, nil
}

func (c *control) PauseContainer(ctx context.Context, req guestapi.PauseContainerRequestObject) (guestapi.PauseContainerResponseObject, error) {
	if err := c.manager.Pause(ctx, req.ContainerId); err != nil {
		return nil, err
	}
	return guestapi.PauseContainer204Response{}, nil
}

func (c *control) UnpauseContainer(ctx context.Context, req guestapi.UnpauseContainerRequestObject) (guestapi.UnpauseContainerResponseObject, error) {
	if err := c.manager.Unpause(ctx, req.ContainerId); err != nil {
		return nil, err
	}
	return guestapi.UnpauseContainer204Response{}, nil
}

func (c *control) ResizeContainer(_ context.Context, req guestapi.ResizeContainerRequestObject) (guestapi.ResizeContainerResponseObject, error) {
	if err := c.manager.Resize(req.ContainerId, *req.Body); err != nil {
		return nil, err
	}
	return guestapi.ResizeContainer204Response{}, nil
}

// waitContext returns ctx bounded by a wait request's timeout.
func waitContext(ctx context.Context, seconds int) (context.Context, context.CancelFunc, error) {
	if seconds < 0 || seconds > maxWaitSeconds {
		return nil, nil, apierr.New(apierr.InvalidArgument, "bad_request", "timeoutSeconds is %d; it may be 0 to %d", seconds, maxWaitSeconds)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	return ctx, cancel, nil
}

func signalOf(n int) (syscall.Signal, error) {
	if n < 1 || n > maxSignal {
		return 0, apierr.New(apierr.InvalidArgument, "bad_request", "%d is no signal; signals are 1 to %d", n, maxSignal).At("/signal")
	}
	return syscall.Signal(n), nil
}
