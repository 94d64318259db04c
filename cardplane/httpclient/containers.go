package httpclient

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// pageSize is how many items a page of a list has.
const pageSize = 500

// containers implements cardplane.ContainerService.
type containers struct{ *Client }

var _ cardplane.ContainerService = (*containers)(nil)

func container(c cardapi.Container, err error) (cardplane.Container, error) {
	if err != nil {
		return cardplane.Container{}, err
	}
	return apimodel.ContainerFromAPI(c), nil
}

// tagged finishes a call whose answer is a container with its revision.
func (c *containers) tagged(ctx context.Context, resp *http.Response, err error) (cardplane.Container, error) {
	out, err := container(decode[cardapi.Container](ctx, c.Client, resp, err))
	if err == nil {
		out.Revision = strings.Trim(resp.Header.Get("ETag"), `"`)
	}
	return out, err
}

// ifMatch returns the If-Match header for a revision, none for an empty one.
func ifMatch(revision string) *string {
	if revision == "" {
		return nil
	}
	tag := `"` + revision + `"`
	return &tag
}

func (c *containers) Create(ctx context.Context, spec cardplane.ContainerSpec, key string) (cardplane.Container, error) {
	resp, err := c.api.CreateContainer(ctx, &cardapi.CreateContainerParams{IdempotencyKey: pointerTo(key)}, apimodel.SpecToAPI(spec))
	return c.tagged(ctx, resp, err)
}

func (c *containers) Get(ctx context.Context, ref string) (cardplane.Container, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.GetContainer(ctx, ref, nil)
	return c.tagged(ctx, resp, err)
}

func (c *containers) List(ctx context.Context, filter cardplane.ContainerFilter) ([]cardplane.Container, error) {
	size := pageSize
	params := &cardapi.ListContainersParams{
		All: &filter.All, Limit: &size, State: optionalList(apimodel.StatesToAPI(filter.States)),
		Health: optionalList(apimodel.HealthToAPI(filter.Health)), Sandbox: optionalList(filter.Sandboxes),
		Label: optionalList(filter.Labels), Name: optionalList(filter.Names),
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
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.StartContainer(ctx, ref)
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

func (c *containers) Stop(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := c.api.StopContainer(ctx, ref, stopBody(opts))
	return container(decode[cardapi.Container](ctx, c.Client, resp, err))
}

// stopBody returns the API's form of opts, which counts in seconds. A grace
// period never becomes none.
func stopBody(opts cardplane.StopOptions) cardapi.ContainerStop {
	body := cardapi.ContainerStop{Signal: pointerTo(opts.Signal)}
	if opts.Timeout >= 0 {
		seconds := int((opts.Timeout + time.Second - 1) / time.Second)
		body.TimeoutSeconds = &seconds
	}
	return body
}

func (c *containers) Kill(ctx context.Context, ref, signal string) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.KillContainer(ctx, ref, cardapi.ContainerKill{Signal: pointerTo(signal)})
	return done(ctx, c.Client, resp, err)
}

func (c *containers) Resize(ctx context.Context, ref string, size cardplane.TerminalSize) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.ResizeContainer(ctx, ref, apimodel.SizeToAPI(size))
	return done(ctx, c.Client, resp, err)
}

func (c *containers) Remove(ctx context.Context, ref string, force bool, revision string) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.DeleteContainer(ctx, ref, &cardapi.DeleteContainerParams{Force: &force, IfMatch: ifMatch(revision)})
	return done(ctx, c.Client, resp, err)
}

func execution(e cardapi.Exec, err error) (cardplane.Exec, error) {
	if err != nil {
		return cardplane.Exec{}, err
	}
	return apimodel.ExecFromAPI(e), nil
}

func (c *containers) Exec(ctx context.Context, ref string, spec cardplane.ExecSpec, key string) (cardplane.Exec, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Exec{}, err
	}
	resp, err := c.api.CreateExec(ctx, ref, &cardapi.CreateExecParams{IdempotencyKey: pointerTo(key)}, apimodel.ExecSpecToAPI(spec))
	return execution(decode[cardapi.Exec](ctx, c.Client, resp, err))
}

func (c *containers) ListExecs(ctx context.Context, ref string) ([]cardplane.Exec, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return nil, err
	}
	size := pageSize
	params := &cardapi.ListExecsParams{Limit: &size}
	var out []cardplane.Exec
	for {
		resp, err := c.sdk.API.ListExecs(ctx, ref, params)
		page, err := decode[cardapi.ExecList](ctx, c.Client, resp, err)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			out = append(out, apimodel.ExecFromAPI(item))
		}
		if page.NextCursor == nil {
			return out, nil
		}
		params.Cursor = page.NextCursor
	}
}

func (c *containers) GetExec(ctx context.Context, ref, execID string) (cardplane.Exec, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Exec{}, err
	}
	resp, err := c.api.GetExec(ctx, ref, execID)
	return execution(decode[cardapi.Exec](ctx, c.Client, resp, err))
}

func (c *containers) ResizeExec(ctx context.Context, ref, execID string, size cardplane.TerminalSize) error {
	if err := sdk.CheckRef(ref); err != nil {
		return err
	}
	resp, err := c.api.ResizeExec(ctx, ref, execID, apimodel.SizeToAPI(size))
	return done(ctx, c.Client, resp, err)
}
