package cardplanetest

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// beginHealthLocked begins the health of a run, and to probe it until its end.
func (m *Memory) beginHealthLocked(c *container) {
	check := c.Spec.Healthcheck
	if c.Health = nil; !check.Probes() {
		return
	}
	c.Health = &cardplane.Health{Status: cardplane.HealthStarting}
	run := c.process
	m.running.Go(func() {
		for sleepFor(run.ctx, check.Interval) {
			m.probe(c, run, check)
		}
	})
}

func sleepFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// probe runs the health check of c once.
func (m *Memory) probe(c *container, run *process, check *cardplane.Healthcheck) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.State == cardplane.Paused || run.ended {
		return
	}
	r := cardplane.HealthResult{StartedAt: m.nowLocked(), ExitCode: cardplane.NoExitCode}
	argv := check.Argv(nil)
	program, err := m.lookupLocked(argv)
	if err != nil {
		r.Output = err.Error()
	} else {
		m.runProbeLocked(run.ctx, program, argv, check.Timeout, &r)
	}
	if r.FinishedAt = m.nowLocked(); run.ctx.Err() == nil && !run.ended {
		m.noteHealthLocked(c, check, r)
	}
}

func (m *Memory) runProbeLocked(ctx context.Context, program Program, argv []string, timeout time.Duration, r *cardplane.HealthResult) {
	p := m.launchLocked(program, launch{argv: argv, exited: func(code int) { r.ExitCode = code }})
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	over := func() bool { return p.ended }
	late := m.untilLocked(limited, over) != nil
	if late {
		p.endLocked(signalExit(sigkill))
		_ = m.untilLocked(context.WithoutCancel(ctx), over) // which has no end
	}
	for _, out := range p.output {
		r.Output += string(out.Data)
	}
	if late {
		r.ExitCode, r.Output = cardplane.NoExitCode, "the health check did not end within its timeout: "+r.Output
	}
}

func (m *Memory) noteHealthLocked(c *container, check *cardplane.Healthcheck, r cardplane.HealthResult) {
	h := *c.Health
	h.Results = append(append([]cardplane.HealthResult{}, h.Results[max(0, len(h.Results)+1-cardplane.MaxHealthResults):]...), r)
	before := h.Status
	switch {
	case r.ExitCode == 0:
		h.Status, h.FailingStreak = cardplane.HealthHealthy, 0
	case before == cardplane.HealthStarting && r.StartedAt.Sub(c.StartedAt) < check.StartPeriod:
	default:
		if h.FailingStreak++; h.FailingStreak >= check.Retries {
			h.Status = cardplane.HealthUnhealthy
		}
	}
	c.Health = &h
	if h.Status != before {
		m.eventLocked(cardplane.ContainerHealth, c.ID, c.Name, map[string]string{"status": string(h.Status)})
	}
	m.notifyLocked()
}

// waitHealthyLocked is Wait for WaitHealthy.
func (m *Memory) waitHealthyLocked(ctx context.Context, c *container) (cardplane.Container, error) {
	if !c.Spec.Healthcheck.Probes() {
		return c.Container, apierr.New(apierr.FailedPrecondition, "no_healthcheck", "container %s has no health check", c.Name)
	}
	healthy := func() bool {
		return (c.State == cardplane.Running || c.State == cardplane.Paused) && c.Health.Status == cardplane.HealthHealthy
	}
	err := m.untilLocked(ctx, func() bool { return healthy() || c.State.Ended() || c.removed })
	if err == nil && !healthy() {
		err = apierr.New(apierr.FailedPrecondition, "container_not_running", "container %s is %s; start it first", c.Name, c.State)
	}
	return c.Container, err
}
