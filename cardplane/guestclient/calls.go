package guestclient

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
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
	// maxNetworks bounds the interfaces that a container is believed to have,
	// and maxName their names, in runes.
	maxNetworks = 64
	maxName     = 32
)

// Info returns what the guest says of itself.
func (c *Client) Info(ctx context.Context) (guestapi.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return finish[guestapi.Info](c.api.GetInfo(ctx))
}

// Renew gives a machine that was restored from a snapshot entropy of its own
// and the time. To repeat it does no harm.
func (c *Client) Renew(ctx context.Context, entropy []byte, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.Renew(ctx, &guestapi.RenewParams{CardplaneEpoch: c.epoch},
		guestapi.Renewal{EntropyBase64: entropy, Time: now}))
	return err
}

// PowerOff asks for a clean end of the machine. It returns before the end.
func (c *Client) PowerOff(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.PowerOff(ctx, &guestapi.PowerOffParams{CardplaneEpoch: c.epoch},
		guestapi.PowerOff{GraceSeconds: int(grace / time.Second)}))
	return err
}

// GrowVolume grows the file system of a volume that is mounted to write to its
// disk, which has at least size bytes by now. It is idempotent.
func (c *Client) GrowVolume(ctx context.Context, device string, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.GrowVolume(ctx, device, &guestapi.GrowVolumeParams{CardplaneEpoch: c.epoch}, guestapi.VolumeGrowth{SizeBytes: size}))
	return err
}

// AttachVolume mounts a volume in a running container. It is idempotent.
func (c *Client) AttachVolume(ctx context.Context, id string, v guestapi.Volume) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.AttachVolume(ctx, id, &guestapi.AttachVolumeParams{CardplaneEpoch: c.epoch}, v))
	return err
}

// DetachVolume unmounts all that a running container has of a volume. It is
// idempotent.
func (c *Client) DetachVolume(ctx context.Context, id, device string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.DetachVolume(ctx, id, device, &guestapi.DetachVolumeParams{CardplaneEpoch: c.epoch}))
	return err
}

// PutContainer creates and starts a container. It is idempotent.
func (c *Client) PutContainer(ctx context.Context, id string, config guestapi.ContainerConfig) (guestapi.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return finish[guestapi.Container](c.api.PutContainer(ctx, id, &guestapi.PutContainerParams{CardplaneEpoch: c.epoch}, config))
}

// DeleteContainer kills what runs of a container and forgets it, with all that
// the guest has mounted for it. One that the guest does not know is deleted.
func (c *Client) DeleteContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.DeleteContainer(ctx, id, &guestapi.DeleteContainerParams{CardplaneEpoch: c.epoch, Force: true}))
	if apierr.Is(err, "container_not_found") {
		return nil
	}
	return err
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

// WaitHealth returns what the container's health check has found once more than
// after probes have ended, or after some minutes as it is until then. The
// container may have exited.
func (c *Client) WaitHealth(ctx context.Context, id string, after int64) (guestapi.Health, error) {
	ctx, cancel := context.WithTimeout(ctx, waitPeriod+callTimeout)
	defer cancel()
	h, err := finish[guestapi.Health](c.api.GetHealth(ctx, id, &guestapi.GetHealthParams{After: after, TimeoutSeconds: int(waitPeriod / time.Second)}))
	if err != nil {
		return guestapi.Health{}, err
	}
	return checkHealth(h)
}

// KillContainer sends a signal to the container's first process.
func (c *Client) KillContainer(ctx context.Context, id string, signal int) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.KillContainer(ctx, id, &guestapi.KillContainerParams{CardplaneEpoch: c.epoch}, guestapi.Kill{Signal: signal}))
	return err
}

// Freeze makes the container's processes stand still, or lets them go on. It
// is idempotent.
func (c *Client) Freeze(ctx context.Context, id string, frozen bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if !frozen {
		_, err := finish[struct{}](c.api.UnpauseContainer(ctx, id, &guestapi.UnpauseContainerParams{CardplaneEpoch: c.epoch}))
		return err
	}
	_, err := finish[struct{}](c.api.PauseContainer(ctx, id, &guestapi.PauseContainerParams{CardplaneEpoch: c.epoch}))
	return err
}

// Limit bounds what a running container may use. It is idempotent.
func (c *Client) Limit(ctx context.Context, id string, limits guestapi.Limits) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.PutLimits(ctx, id, &guestapi.PutLimitsParams{CardplaneEpoch: c.epoch}, limits))
	return err
}

// ResizeContainer sets the size of the container's terminal.
func (c *Client) ResizeContainer(ctx context.Context, id string, size guestapi.TerminalSize) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.ResizeContainer(ctx, id, &guestapi.ResizeContainerParams{CardplaneEpoch: c.epoch}, size))
	return err
}

// GetExec returns an exec's state.
func (c *Client) GetExec(ctx context.Context, container, id string) (guestapi.Exec, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return finish[guestapi.Exec](c.api.GetExec(ctx, container, id))
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

// ForgetExecs forgets those of the execs that have exited, and what is left of
// their output. It is idempotent.
func (c *Client) ForgetExecs(ctx context.Context, container string, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := finish[struct{}](c.api.ForgetExecs(ctx, container, &guestapi.ForgetExecsParams{CardplaneEpoch: c.epoch, Id: ids}))
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

// Stats returns what a container has used.
func (c *Client) Stats(ctx context.Context, container string) (guestapi.Stats, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stats, err := finish[guestapi.Stats](c.api.GetStats(ctx, container))
	stats.Networks = stats.Networks[:min(len(stats.Networks), maxNetworks)]
	for i := range stats.Networks {
		stats.Networks[i].Name = Printable(stats.Networks[i].Name, maxName)
	}
	return stats, err
}

// Processes returns the oldest processes of a container.
func (c *Client) Processes(ctx context.Context, container string) ([]guestapi.ProcessInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := finish[[]guestapi.ProcessInfo](c.api.ListProcesses(ctx, container))
	for i := range list {
		list[i].Command, list[i].State = Printable(list[i].Command, maxMessage), Printable(list[i].State, 1)
	}
	return list, err
}
