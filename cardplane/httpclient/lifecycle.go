package httpclient

import (
	"context"
	"net/http"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/apimodel"
	"github.com/cardplane/cardplane/openapi/cardapi"
	sdk "github.com/cardplane/cardplane/openapi/sdk/go"
)

// act calls an operation on a container that answers with the container.
func (c *containers) act(ctx context.Context, ref string, call func() (*http.Response, error)) (cardplane.Container, error) {
	if err := sdk.CheckRef(ref); err != nil {
		return cardplane.Container{}, err
	}
	resp, err := call()
	return c.tagged(ctx, resp, err)
}

func (c *containers) Restart(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	return c.act(ctx, ref, func() (*http.Response, error) { return c.api.RestartContainer(ctx, ref, stopBody(opts)) })
}

func (c *containers) Pause(ctx context.Context, ref string) (cardplane.Container, error) {
	return c.act(ctx, ref, func() (*http.Response, error) { return c.api.PauseContainer(ctx, ref) })
}

func (c *containers) Unpause(ctx context.Context, ref string) (cardplane.Container, error) {
	return c.act(ctx, ref, func() (*http.Response, error) { return c.api.UnpauseContainer(ctx, ref) })
}

func (c *containers) Rename(ctx context.Context, ref, name, revision string) (cardplane.Container, error) {
	return c.act(ctx, ref, func() (*http.Response, error) {
		return c.api.RenameContainer(ctx, ref, &cardapi.RenameContainerParams{IfMatch: ifMatch(revision)}, cardapi.ContainerRename{Name: name})
	})
}

func (c *containers) Update(ctx context.Context, ref string, update cardplane.ContainerUpdate, revision string) (cardplane.Container, error) {
	return c.act(ctx, ref, func() (*http.Response, error) {
		return c.api.UpdateContainer(ctx, ref, &cardapi.UpdateContainerParams{IfMatch: ifMatch(revision)}, apimodel.UpdateToAPI(update))
	})
}
