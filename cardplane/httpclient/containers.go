package httpclient

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

const (
	// pageSize is how many items a page of a list has.
	pageSize = 500
	// waitSeconds is how long one request of Wait lasts at most.
	waitSeconds = 300
)

// containers implements cardplane.ContainerService.
type containers struct{ *Client }

var _ cardplane.ContainerService = (*containers)(nil)

func container(c cardapi.Container, err error) (cardplane.Container, error) {
	if err != nil {
		return cardplane.Container{}, err
	}
	return apimodel.ContainerFromAPI(c), nil
}

func (c *containers) Create(ctx context.Context, spec cardplane.ContainerSpec, key string) (cardplane.Container, error) {
	resp, err := c.api.CreateContainer(ctx, &cardapi.CreateContainerParams{IdempotencyKey: pointerTo(key)}, apimodel.SpecToAPI(spec))
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *containers) Get(ctx context.Context, ref string) (cardplane.Container, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.GetContainer(ctx, ref)
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *containers) List(ctx context.Context, filter cardplane.ContainerFilter) ([]cardplane.Container, error) {
	size := pageSize
	params := &cardapi.ListContainersParams{All: &filter.All, Limit: &size}
	if len(filter.Labels) > 0 {
		params.Label = &filter.Labels
	}
	var out []cardplane.Container
	for {
		resp, err := c.api.ListContainers(ctx, params)
		page, err := decode[cardapi.ContainerList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			out = append(out, apimodel.ContainerFromAPI(item))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *containers) Start(ctx context.Context, ref string) (cardplane.Container, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.StartContainer(ctx, ref)
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *containers) Stop(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Container{}, err
	}
	// The API counts in seconds. A grace period never becomes none.
	seconds := int((opts.Timeout + time.Second - 1) / time.Second)
	resp, err := c.api.StopContainer(ctx, ref, cardapi.ContainerStop{TimeoutSeconds: &seconds, Signal: pointerTo(opts.Signal)})
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *containers) Kill(ctx context.Context, ref, signal string) error {
	if err := refPath(ref); err != nil {
		return err
	}
	resp, err := c.api.KillContainer(ctx, ref, cardapi.ContainerKill{Signal: pointerTo(signal)})
	return done(ctx, c.Client, resp, err)
}

// Wait asks again and again, since one request must not last for ever. The
// container's id is used once it is known, so that a prefix stays unique.
func (c *containers) Wait(ctx context.Context, ref string) (cardplane.Container, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Container{}, err
	}
	seconds := waitSeconds
	var last *cardplane.Container
	for {
		resp, err := c.api.WaitContainer(ctx, ref, &cardapi.WaitContainerParams{TimeoutSeconds: &seconds})
		got, err := container(decode[cardapi.Container](ctx, c.Client, resp, err))
		if last != nil && apierr.Is(err, "container_not_found") {
			return *last, nil
		}
		if err != nil || got.State.Ended() {
			return got, err
		}
		last, ref = &got, got.ID
	}
}

func (c *containers) Resize(ctx context.Context, ref string, size cardplane.TerminalSize) error {
	if err := refPath(ref); err != nil {
		return err
	}
	resp, err := c.api.ResizeContainer(ctx, ref, apimodel.SizeToAPI(size))
	return done(ctx, c.Client, resp, err)
}

func (c *containers) Remove(ctx context.Context, ref string, force bool) error {
	if err := refPath(ref); err != nil {
		return err
	}
	resp, err := c.api.DeleteContainer(ctx, ref, &cardapi.DeleteContainerParams{Force: &force})
	return done(ctx, c.Client, resp, err)
}

func execution(e cardapi.Exec, err error) (cardplane.Exec, error) {
	if err != nil {
		return cardplane.Exec{}, err
	}
	return apimodel.ExecFromAPI(e), nil
}

func (c *containers) Exec(ctx context.Context, ref string, spec cardplane.ExecSpec) (cardplane.Exec, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Exec{}, err
	}
	resp, err := c.api.CreateExec(ctx, ref, apimodel.ExecSpecToAPI(spec))
	return execution(decode[cardapi.Exec](ctx, c.Client, resp, err))
}

func (c *containers) GetExec(ctx context.Context, ref, execID string) (cardplane.Exec, error) {
	if err := refPath(ref); err != nil {
		return cardplane.Exec{}, err
	}
	resp, err := c.api.GetExec(ctx, ref, execID)
	return execution(decode[cardapi.Exec](ctx, c.Client, resp, err))
}

func (c *containers) ResizeExec(ctx context.Context, ref, execID string, size cardplane.TerminalSize) error {
	if err := refPath(ref); err != nil {
		return err
	}
	resp, err := c.api.ResizeExec(ctx, ref, execID, apimodel.SizeToAPI(size))
	return done(ctx, c.Client, resp, err)
}
