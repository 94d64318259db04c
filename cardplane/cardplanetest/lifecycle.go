package cardplanetest

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/version"
)

func (s *containerService) Start(ctx context.Context, ref string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	return s.startLocked(ctx, c)
}

func (s *containerService) startLocked(ctx context.Context, c *container) (cardplane.Container, error) {
	m := s.memory()
	if !c.State.CanBecome(cardplane.Starting) {
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "container_already_running", "container %s is already %s", c.Name, c.State)
	}
	c.State, c.Reason, c.Error, c.process = cardplane.Starting, "booting the virtual machine", nil, nil
	c.StartedAt, c.FinishedAt, c.ExitCode, c.EndReason, c.Signal, c.Pending = time.Time{}, time.Time{}, 0, "", 0, nil
	m.notifyLocked()
	if err := m.bootLocked(ctx, c); err != nil {
		m.failLocked(c, apierr.From(err))
		return cardplane.Container{}, err
	}
	return c.Container, nil
}

// bootLocked brings c from starting to running.
func (m *Memory) bootLocked(ctx context.Context, c *container) error {
	if err := m.checkVolumesLocked(c); err != nil {
		return err
	}
	machine := m.machineLocked(c)
	if err := m.openNetworksLocked(c); err != nil {
		return err
	}
	if hook := m.onStart; hook != nil {
		described := c.Container
		m.mu.Unlock()
		err := hook(ctx, described)
		m.mu.Lock()
		if err != nil {
			return err
		}
	}
	image, err := m.imageLocked(c.ImageID)
	if err != nil {
		return err
	}
	argv := argv(image.Config, c.Spec)
	if len(argv) == 0 {
		return apierr.New(apierr.InvalidArgument, "command_missing", "image %s names no command; give one", c.Spec.Image).At("/command")
	}
	program, err := m.lookupLocked(argv)
	if err != nil {
		return err
	}
	c.State, c.Reason, c.StartedAt, c.SandboxID = cardplane.Running, "", m.nowLocked(), machine
	c.Guest = &cardplane.GuestInfo{Kernel: m.version.GuestKernel, BootID: newID(16), VMM: m.version.Host.VMM, AgentVersion: version.Release}
	c.Timings = []cardplane.Timing{{Step: "boot", Duration: time.Millisecond}}
	m.eventLocked(cardplane.ContainerStarted, c.ID, c.Name, nil)
	c.process = m.launchLocked(program, launch{
		argv: argv, env: environment(image.Config, c.Spec.Env), tty: c.Spec.TTY, stdin: c.Spec.Stdin, size: c.Spec.TerminalSize,
		journal: func(stream cardplane.Stream, data []byte) { m.logLocked(c, stream, data) },
		exited:  func(code int) { m.exitedLocked(c, code) },
	})
	m.beginHealthLocked(c)
	return nil
}

func argv(image cardplane.ImageConfig, spec cardplane.ContainerSpec) []string {
	entrypoint, command := image.Entrypoint, image.Cmd
	if spec.Entrypoint != nil {
		entrypoint, command = spec.Entrypoint, nil
	}
	if spec.Command != nil {
		command = spec.Command
	}
	return append(append([]string{}, entrypoint...), command...)
}

func environment(image cardplane.ImageConfig, added map[string]string) map[string]string {
	out := make(map[string]string)
	for _, entry := range image.Env {
		name, value, _ := strings.Cut(entry, "=")
		out[name] = value
	}
	maps.Copy(out, added)
	return out
}

func (m *Memory) failLocked(c *container, err *apierr.Error) {
	c.State, c.Reason, c.Error, c.FinishedAt = cardplane.Failed, "", err, m.nowLocked()
	c.EndReason = cardplane.EndStartFailed
	c.noteEndLocked()
	m.eventLocked(cardplane.ContainerFailed, c.ID, c.Name, map[string]string{"code": err.Code})
	if c.Spec.AutoRemove {
		m.removeLocked(c)
	}
}

// exitedLocked ends the run of c, and with it every further process.
func (m *Memory) exitedLocked(c *container, code int) {
	for _, e := range c.execs {
		e.process.endLocked(signalExit(sigkill))
	}
	c.State, c.Reason, c.ExitCode, c.FinishedAt = cardplane.Exited, "", code, m.nowLocked()
	c.EndReason, c.Signal = cardplane.EndExited, 0
	if c.process.forced != nil {
		c.EndReason, c.Signal = cardplane.EndSignaled, code-128
	}
	c.noteEndLocked()
	m.eventLocked(cardplane.ContainerExited, c.ID, c.Name, map[string]string{"exitCode": strconv.Itoa(code), "reason": string(c.EndReason)})
	if c.Spec.AutoRemove && !c.again {
		m.removeLocked(c)
	}
}

func (s *containerService) Stop(ctx context.Context, ref string, opts cardplane.StopOptions) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	return s.stopLocked(ctx, c, opts)
}

func (s *containerService) stopLocked(ctx context.Context, c *container, opts cardplane.StopOptions) (cardplane.Container, error) {
	m := s.memory()
	signal := opts.Signal
	if signal == "" {
		signal = c.Spec.StopSignal
	}
	n, ok := parseSignal(signal)
	if signal == "" {
		n, ok = sigterm, true
	}
	if !ok {
		return cardplane.Container{}, invalidSignal(signal)
	}
	if !c.State.Active() || c.process == nil {
		return c.Container, nil
	}
	m.unpauseLocked(c)
	if opts.Timeout < 0 {
		opts.Timeout = c.Spec.StopTimeout()
	}
	if opts.Timeout == 0 {
		n = sigkill
	}
	c.State, c.Reason = cardplane.Stopping, "waiting for the program to end"
	c.process.signalLocked(n)
	m.notifyLocked()
	ended := func() bool { return c.State.Ended() || c.removed }
	grace, cancel := context.WithTimeout(ctx, opts.Timeout)
	defer cancel()
	if err := m.untilLocked(grace, ended); err != nil && ctx.Err() == nil {
		c.process.endLocked(signalExit(sigkill))
	}
	err := m.untilLocked(ctx, ended)
	return c.Container, err
}

func invalidSignal(signal string) error {
	return apierr.New(apierr.InvalidArgument, "invalid_signal", "%q is no signal; use a name such as SIGTERM or a number from 1 to 64", signal).At("/signal")
}

func (s *containerService) Kill(_ context.Context, ref, signal string) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return err
	}
	if signal == "" {
		signal = "SIGKILL"
	}
	n, ok := parseSignal(signal)
	if !ok {
		return invalidSignal(signal)
	}
	p, err := c.runningLocked()
	if err != nil {
		return err
	}
	if n == sigterm {
		m.unpauseLocked(c)
	}
	p.signalLocked(n)
	m.notifyLocked()
	return nil
}

// runningLocked returns c's process if it runs.
func (c *container) runningLocked() (*process, error) {
	if c.process == nil || c.process.ended {
		return nil, apierr.New(apierr.FailedPrecondition, "container_not_running", "container %s is %s; start it first", c.Name, c.State)
	}
	return c.process, nil
}

func (s *containerService) Resize(_ context.Context, ref string, size cardplane.TerminalSize) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return err
	}
	p, err := c.runningLocked()
	if err != nil {
		return err
	}
	return p.resizeLocked(size)
}

func (p *process) resizeLocked(size cardplane.TerminalSize) error {
	if !p.tty {
		return apierr.New(apierr.FailedPrecondition, "no_terminal", "the process has no terminal; create it with tty")
	}
	p.size = size
	p.signalLocked(sigwinch)
	p.m.notifyLocked()
	return nil
}
