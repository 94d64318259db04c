package container

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// healthPause is the least time between two looks at what a health check has
// found, which bounds what a guest can make the card do.
const healthPause = 500 * time.Millisecond

// checkHealthcheck checks what a container asks for, and leaves to the image
// what it does not say.
func checkHealthcheck(spec cardplane.ContainerSpec) error {
	const field, code = "/healthcheck", "invalid_healthcheck"
	h := spec.Healthcheck
	if h == nil {
		return nil
	}
	if len(h.Command) > 0 && h.Shell != "" || h.Disabled && (len(h.Command) > 0 || h.Shell != "") {
		return invalid(field, code, "a health check has one of command, shell and disabled; leave the others out")
	}
	if len(h.Command) > 0 && h.Command[0] == "" {
		return invalid(field+"/command/0", code, "the health check's program is empty; name one")
	}
	for _, t := range []struct {
		name string
		d    time.Duration
	}{{"interval", h.Interval}, {"timeout", h.Timeout}, {"startPeriod", h.StartPeriod}, {"startInterval", h.StartInterval}} {
		if t.d != 0 && (t.d < cardplane.MinHealthTime || t.d > cardplane.MaxHealthTime) {
			return invalid(field+"/"+t.name+"Seconds", code, "a health check cannot have %s as its %s; give %s to %s", t.d, t.name, cardplane.MinHealthTime, cardplane.MaxHealthTime)
		}
	}
	if h.Retries < 0 || h.Retries > cardplane.MaxHealthRetries {
		return invalid(field+"/retries", code, "%d retries are not possible; give 1 to %d", h.Retries, cardplane.MaxHealthRetries)
	}
	return checkStrings(field, append([]string{h.Shell}, h.Command...))
}

// firstHealth is the health at the beginning of a run.
func firstHealth(spec cardplane.ContainerSpec) *cardplane.Health {
	if !spec.Healthcheck.Probes() {
		return nil
	}
	return &cardplane.Health{Status: cardplane.HealthStarting}
}

// planHealth returns what the guest is told of the health check.
func (r *run) planHealth(c cardplane.Container) (guestapi.Healthcheck, error) {
	h := c.Spec.Healthcheck
	if !h.Probes() {
		return guestapi.Healthcheck{}, nil
	}
	image, err := r.svc.cfg.Images.Get(r.ctx, c.ImageID)
	if err != nil {
		return guestapi.Healthcheck{}, err
	}
	return guestapi.Healthcheck{
		Command: h.Argv(image.Config.Shell), IntervalSeconds: h.Interval.Seconds(), TimeoutSeconds: h.Timeout.Seconds(),
		StartPeriodSeconds: h.StartPeriod.Seconds(), StartIntervalSeconds: h.StartInterval.Seconds(), Retries: h.Retries,
	}, nil
}

// watchHealth shows what the guest's health check finds, for as long as the
// program runs. The guest probes by itself.
func (r *run) watchHealth(ctx context.Context, sb *sandbox.Sandbox) {
	known := int64(0)
	for retry := guestclient.NewBackoff(); ; {
		h, err := sb.Guest().WaitHealth(ctx, r.e.id, known)
		switch {
		case err == nil && h.Probes > known:
			known = h.Probes
			r.noteHealth(h)
			retry.Reset()
			if !pause(ctx, healthPause) {
				return
			}
			continue
		case err != nil && guestclient.Permanent(err):
			return // awaitExit tells why
		}
		if retry.Wait(ctx) != nil {
			return
		}
	}
}

// pause waits for d. It returns false if ctx is done before.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// noteHealth shows h, and makes the changes of the status durable that are new,
// each with its event, so that none is lost or told of twice.
func (r *run) noteHealth(h guestapi.Health) {
	next := &cardplane.Health{Status: cardplane.HealthStatus(h.Status), FailingStreak: h.FailingStreak, Results: healthResults(h.Results)}
	if r.e.showHealth(next, h.Changed) {
		return
	}
	rec := r.e.record()
	missed, kept := h.Changed-rec.Run.HealthChanges, int64(len(h.Changes)) // the guest may say anything
	var told []store.Change
	for _, status := range h.Changes[kept-max(0, min(missed, kept)):] {
		told = append(told, r.e.tells(cardplane.ContainerHealth, map[string]string{"status": string(status)}))
	}
	r.persist(func(rec *store.Record) { rec.Container.Health, rec.Run.HealthChanges = next, h.Changed }, told...)
}

func healthResults(list []guestapi.HealthResult) []cardplane.HealthResult {
	out := make([]cardplane.HealthResult, 0, len(list))
	for _, r := range list {
		out = append(out, cardplane.HealthResult{StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, ExitCode: r.ExitCode, Output: r.Output})
	}
	return out
}

// showHealth shows h unless its status is not durable yet. changes is how many
// changes have led to it.
func (e *entry) showHealth(h *cardplane.Health, changes int64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rec.Run.HealthChanges != changes {
		return false
	}
	h.Status = e.rec.Container.Health.Status
	e.rec.Container.Health = h
	return true
}

// waitHealthy returns the container once its health check has succeeded.
func (e *entry) waitHealthy(ctx context.Context) (cardplane.Container, error) {
	c, err := e.waitUntil(ctx, func(c cardplane.Container) bool {
		return c.State.Ended() || !c.Spec.Healthcheck.Probes() || isHealthy(c)
	})
	switch {
	case err != nil || isHealthy(c):
		return c, err
	case !c.Spec.Healthcheck.Probes():
		return c, apierr.New(apierr.FailedPrecondition, "no_healthcheck",
			"container %s has no health check; create it with one", c.Name)
	}
	return c, notRunning(c)
}

func isHealthy(c cardplane.Container) bool {
	return (c.State == cardplane.Running || c.State == cardplane.Paused) && c.Health != nil && c.Health.Status == cardplane.HealthHealthy
}
