package httpapi

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// defaultWaitTimeout is the document's, which the generated code does not fill
// in.
const defaultWaitTimeout = 60 * time.Second

func (s *server) ListContainers(ctx context.Context, r cardapi.ListContainersRequestObject) (cardapi.ListContainersResponseObject, error) {
	all, err := s.Containers.List(ctx, cardplane.ContainerFilter{
		All: value(r.Params.All), States: apimodel.StatesFromAPI(value(r.Params.State)),
		Health: apimodel.HealthFromAPI(value(r.Params.Health)), Sandboxes: value(r.Params.Sandbox),
		Labels: value(r.Params.Label), Names: value(r.Params.Name),
	})
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(c cardplane.Container) position {
		return position{at: c.CreatedAt, id: c.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListContainers200JSONResponse{Items: each(items, apimodel.ContainerInListToAPI), NextCursor: next}, nil
}

func (s *server) CreateContainer(ctx context.Context, r cardapi.CreateContainerRequestObject) (cardapi.CreateContainerResponseObject, error) {
	c, err := s.Containers.Create(ctx, apimodel.SpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateContainer201JSONResponse{
		Body: apimodel.ContainerToAPI(c), Headers: cardapi.CreateContainer201ResponseHeaders{ETag: etag(c)},
	}, nil
}

func (s *server) GetContainer(ctx context.Context, r cardapi.GetContainerRequestObject) (cardapi.GetContainerResponseObject, error) {
	c, err := s.Containers.Get(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	if known := value(r.Params.IfNoneMatch); known != "" && matches(known, c) {
		return cardapi.GetContainer304Response{Headers: cardapi.GetContainer304ResponseHeaders{ETag: etag(c)}}, nil
	}
	return cardapi.GetContainer200JSONResponse{
		Body: apimodel.ContainerToAPI(c), Headers: cardapi.GetContainer200ResponseHeaders{ETag: etag(c)},
	}, nil
}

func (s *server) DeleteContainer(ctx context.Context, r cardapi.DeleteContainerRequestObject) (cardapi.DeleteContainerResponseObject, error) {
	if err := s.Containers.Remove(ctx, r.Container, value(r.Params.Force), revision(r.Params.IfMatch)); err != nil {
		return nil, err
	}
	return cardapi.DeleteContainer204Response{}, nil
}

func (s *server) StartContainer(ctx context.Context, r cardapi.StartContainerRequestObject) (cardapi.StartContainerResponseObject, error) {
	c, err := s.Containers.Start(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	return cardapi.StartContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) StopContainer(ctx context.Context, r cardapi.StopContainerRequestObject) (cardapi.StopContainerResponseObject, error) {
	c, err := s.Containers.Stop(ctx, r.Container, stopOptions(value(r.Body)))
	if err != nil {
		return nil, err
	}
	return cardapi.StopContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func stopOptions(body cardapi.ContainerStop) cardplane.StopOptions {
	opts := cardplane.StopOptions{Timeout: -1, Signal: value(body.Signal)}
	if body.TimeoutSeconds != nil {
		opts.Timeout = time.Duration(*body.TimeoutSeconds) * time.Second
	}
	return opts
}

func (s *server) KillContainer(ctx context.Context, r cardapi.KillContainerRequestObject) (cardapi.KillContainerResponseObject, error) {
	if err := s.Containers.Kill(ctx, r.Container, value(value(r.Body).Signal)); err != nil {
		return nil, err
	}
	return cardapi.KillContainer204Response{}, nil
}

// WaitContainer answers with the present state when the time is over, which
// is no error.
func (s *server) WaitContainer(ctx context.Context, r cardapi.WaitContainerRequestObject) (cardapi.WaitContainerResponseObject, error) {
	timeout := defaultWaitTimeout
	if r.Params.TimeoutSeconds != nil {
		timeout = time.Duration(*r.Params.TimeoutSeconds) * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := s.Containers.Wait(limited, r.Container, cardplane.WaitCondition(value(r.Params.Condition)))
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		c, err = s.Containers.Get(ctx, r.Container)
		if err == nil {
			return cardapi.WaitContainer202JSONResponse(apimodel.ContainerToAPI(c)), nil
		}
	}
	if err != nil {
		return nil, err
	}
	return cardapi.WaitContainer200JSONResponse(apimodel.ContainerToAPI(c)), nil
}

func (s *server) ResizeContainer(ctx context.Context, r cardapi.ResizeContainerRequestObject) (cardapi.ResizeContainerResponseObject, error) {
	if err := s.Containers.Resize(ctx, r.Container, apimodel.SizeFromAPI(*r.Body)); err != nil {
		return nil, err
	}
	return cardapi.ResizeContainer204Response{}, nil
}

func (s *server) CreateExec(ctx context.Context, r cardapi.CreateExecRequestObject) (cardapi.CreateExecResponseObject, error) {
	e, err := s.Containers.Exec(ctx, r.Container, apimodel.ExecSpecFromAPI(*r.Body), value(r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	return cardapi.CreateExec201JSONResponse(apimodel.ExecToAPI(e)), nil
}

func (s *server) ListExecs(ctx context.Context, r cardapi.ListExecsRequestObject) (cardapi.ListExecsResponseObject, error) {
	all, err := s.Containers.ListExecs(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	items, next, err := page(all, r.Params.Limit, r.Params.Cursor, func(e cardplane.Exec) position {
		return position{at: e.StartedAt, id: e.ID}
	})
	if err != nil {
		return nil, err
	}
	return cardapi.ListExecs200JSONResponse{Items: each(items, apimodel.ExecToAPI), NextCursor: next}, nil
}

func (s *server) GetExec(ctx context.Context, r cardapi.GetExecRequestObject) (cardapi.GetExecResponseObject, error) {
	e, err := s.Containers.GetExec(ctx, r.Container, r.Exec)
	if err != nil {
		return nil, err
	}
	return cardapi.GetExec200JSONResponse(apimodel.ExecToAPI(e)), nil
}

func (s *server) ResizeExec(ctx context.Context, r cardapi.ResizeExecRequestObject) (cardapi.ResizeExecResponseObject, error) {
	if err := s.Containers.ResizeExec(ctx, r.Container, r.Exec, apimodel.SizeFromAPI(*r.Body)); err != nil {
		return nil, err
	}
	return cardapi.ResizeExec204Response{}, nil
}
