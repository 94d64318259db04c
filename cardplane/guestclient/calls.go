package guestclient

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// callTimeout bounds a call that the agent answers at once.
	callTimeout = 30 * time.Second
	// startTimeout bounds the start of a process, a file system to be grown
	// and a slow emulated processor included.
	startTimeout = 2 * time.Minute
	// waitPeriod is how long one long poll lasts.
	waitPeriod = 10 * time.Minute
)

// Info returns what the guest says of itself.
func (c *Client) Info(ctx context.Context) (guestapi.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return finish[guestapi.Info](c.api.GetInfo(ctx))
}

// PowerOff asks for a clean end of the machine. It returns before the end.
func (c *Client) PowerOff(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.PowerOff(ctx, &guestapi.PowerOffParams{CardplaneEpoch: c.epoch},
		guestapi.PowerOff{GraceSeconds: int(grace / time.Second)}))
	return err
}

// PutContainer creates and starts a container. It is idempotent.
func (c *Client) PutContainer(ctx context.Context, id string, config guestapi.ContainerConfig) (guestapi.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return finish[guestapi.Container](c.api.PutContainer(ctx, id, &guestapi.PutContainerParams{CardplaneEpoch: c.epoch}, config))
}

// GetContainer returns a container's state.
func (c *Client) GetContainer(ctx context.Context, id string) (guestapi.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return finish[guestapi.Container](c.api.GetContainer(ctx, id))
}

// WaitContainer returns once the container has exited, or after some minutes
// with its state until then.
func (c *Client) WaitContainer(ctx context.Context, id string) (guestapi.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, waitPeriod+callTimeout)
	defer cancel()
	return finish[guestapi.Container](c.api.WaitContainer(ctx, id, &guestapi.WaitContainerParams{TimeoutSeconds: int(waitPeriod / time.Second)}))
}

// KillContainer sends a signal to the container's first process.
func (c *Client) KillContainer(ctx context.Context, id string, signal int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.KillContainer(ctx, id, &guestapi.KillContainerParams{CardplaneEpoch: c.epoch}, guestapi.Kill{Signal: signal}))
	return err
}

// ResizeContainer sets the size of the container's terminal.
func (c *Client) ResizeContainer(ctx context.Context, id string, size guestapi.TerminalSize) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.ResizeContainer(ctx, id, &guestapi.ResizeContainerParams{CardplaneEpoch: c.epoch}, size))
	return err
}

// WaitExec returns once the exec has exited, or after some minutes with its
// state until then.
func (c *Client) WaitExec(ctx context.Context, container, id string) (guestapi.Exec, error) {
	ctx, cancel := context.WithTimeout(ctx, waitPeriod+callTimeout)
	defer cancel()
	return finish[guestapi.Exec](c.api.WaitExec(ctx, container, id, &guestapi.WaitExecParams{TimeoutSeconds: int(waitPeriod / time.Second)}))
}

// ResizeExec sets the size of an exec's terminal.
func (c *Client) ResizeExec(ctx context.Context, container, id string, size guestapi.TerminalSize) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.ResizeExec(ctx, container, id, &guestapi.ResizeExecParams{CardplaneEpoch: c.epoch}, size))
	return err
}

// DeleteExec forgets an exec and what is left of its output. One that still
// runs is killed when force is set, and is an error otherwise.
func (c *Client) DeleteExec(ctx context.Context, container, id string, force bool) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.DeleteExec(ctx, container, id, &guestapi.DeleteExecParams{CardplaneEpoch: c.epoch, Force: force}))
	return err
}
