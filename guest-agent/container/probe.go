package container

import (
	"context"
	"fmt"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// probeGroup is the group of a container's processes that a probe runs in.
	probeGroup = "cardplane-probe"
	// noExitCode is the exit code of a probe that has none.
	noExitCode = -1
	// settleTime is how long the end of the container may be seen after that of
	// a probe which it has killed.
	settleTime = 2 * time.Second
	// endTimeout bounds the wait for what a probe has started to be gone.
	endTimeout = 10 * time.Second
)

// healthOf returns what probes c, nil where c has no health check.
func (m *Manager) healthOf(c *container, config *guestapi.ContainerConfig) *health {
	check := config.Healthcheck
	if len(check.Command) == 0 {
		return nil
	}
	process := probeProcess(config.Spec.Process, check.Command)
	probe := func(ctx context.Context) (guestapi.HealthResult, bool) {
		return m.probe(ctx, c, process, seconds(check.TimeoutSeconds))
	}
	return newHealth(check, probe, c.exited)
}

// probeProcess is the container's first process but for the command and the
// terminal.
func probeProcess(first *specs.Process, command []string) *specs.Process {
	p := *first
	p.Args, p.Terminal, p.ConsoleSize = command, false, nil
	return &p
}

// probe runs p in c once. See prober.
func (m *Manager) probe(ctx context.Context, c *container, p *specs.Process, timeout time.Duration) (guestapi.HealthResult, bool) {
	result := guestapi.HealthResult{StartedAt: time.Now(), ExitCode: noExitCode}
	out, err := openCapture()
	if err != nil {
		result.FinishedAt, result.Output = time.Now(), err.Error()
		return result, ctx.Err() == nil
	}
	exit, reason := m.runProbe(ctx, c, p, out, timeout)
	if exit != nil {
		result.ExitCode = exit.Code
	}
	result.Output = out.text(reason)
	result.FinishedAt = time.Now()
	return result, ctx.Err() == nil && !c.hasExited()
}

// runProbe runs p in c until it ends, its time is over or ctx is done, and
// leaves nothing of it. reason says why there is no exit.
func (m *Manager) runProbe(ctx context.Context, c *container, p *specs.Process, out *capture, timeout time.Duration) (exit *Exit, reason string) {
	starting, cancel := cleanUpContext(ctx)
	handle, err := m.runtime.Exec(starting, c.id, probeGroup, p, out.io())
	cancel()
	out.closeChildFiles()
	defer m.endProbe(ctx, c, out)
	if err != nil {
		c.settle(ctx)
		return nil, err.Error()
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-handle.Done():
		exit := handle.Exit()
		if exit.Signal != 0 {
			c.settle(ctx)
		}
		return &exit, ""
	case <-timer.C:
		return nil, fmt.Sprintf("the health check did not end within its timeout of %s and was killed", timeout)
	case <-ctx.Done():
		return nil, ""
	}
}

// endProbe kills what is left of a probe and takes the end of its output.
func (m *Manager) endProbe(ctx context.Context, c *container, out *capture) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := m.runtime.EndGroup(ctx, c.id, probeGroup); err != nil {
		m.log.WithField("process", c.name).WithError(err).Error("something is left of a health check")
	}
	out.close(ctx)
}

// settle waits for an end of the container that is about to be seen, as it
// would have ended a probe.
func (p *process) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	p.awaitExit(ctx)
}
