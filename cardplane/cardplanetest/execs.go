package cardplanetest

import (
	"cmp"
	"context"
	"strconv"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *containerService) Exec(_ context.Context, ref string, spec cardplane.ExecSpec, key string) (cardplane.Exec, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Exec{}, err
	}
	key = "exec/" + c.ID + "/" + key
	if made, err := answered[cardplane.Exec](m, key, spec); made != nil || err != nil {
		return *cmp.Or(made, &cardplane.Exec{}), err
	}
	if _, err := c.runningLocked(); err != nil {
		return cardplane.Exec{}, err
	}
	if c.State == cardplane.Paused {
		return cardplane.Exec{}, paused(c)
	}
	if len(spec.Command) == 0 {
		return cardplane.Exec{}, apierr.New(apierr.InvalidArgument, "invalid_field", "field /command has 0 items; at least 1 are needed").At("/command")
	}
	program, err := m.lookupLocked(spec.Command)
	if err != nil {
		return cardplane.Exec{}, err
	}
	image, err := m.imageLocked(c.ImageID)
	if err != nil {
		return cardplane.Exec{}, err
	}
	e := &exec{Exec: cardplane.Exec{ID: newID(8), ContainerID: c.ID, Command: spec.Command, Running: true, StartedAt: m.nowLocked(), TTY: spec.TTY, Stdin: spec.Stdin}}
	m.eventLocked(cardplane.ExecStarted, c.ID, c.Name, map[string]string{"exec": e.ID, "command": spec.Command[0]})
	env := environment(image.Config, c.Spec.Env)
	for name, value := range spec.Env {
		env[name] = value
	}
	e.process = m.launchLocked(program, launch{
		argv: spec.Command, env: env, tty: spec.TTY, stdin: spec.Stdin, size: spec.TerminalSize,
		exited: func(code int) {
			e.Running, e.ExitCode = false, code
			m.eventLocked(cardplane.ExecExited, c.ID, c.Name, map[string]string{"exec": e.ID, "exitCode": strconv.Itoa(code)})
		},
	})
	c.execs = append(c.execs, e)
	m.rememberLocked(key, spec, e.Exec)
	return e.Exec, nil
}

func (m *Memory) execLocked(ref, id string) (*exec, error) {
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	for _, e := range c.execs {
		if e.ID == id {
			return e, nil
		}
	}
	return nil, apierr.New(apierr.NotFound, "exec_not_found", "container %s has no exec %q", c.Name, id)
}

func (s *containerService) ListExecs(_ context.Context, ref string) ([]cardplane.Exec, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return nil, err
	}
	var out []cardplane.Exec
	for _, e := range c.execs {
		out = append(out, e.Exec)
	}
	return out, nil
}

func (s *containerService) GetExec(_ context.Context, ref, id string) (cardplane.Exec, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.execLocked(ref, id)
	if err != nil {
		return cardplane.Exec{}, err
	}
	return e.Exec, nil
}

func (s *containerService) ResizeExec(_ context.Context, ref, id string, size cardplane.TerminalSize) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.execLocked(ref, id)
	if err != nil {
		return err
	}
	return e.process.resizeLocked(size)
}

func (s *containerService) AttachExec(_ context.Context, ref, id string) (cardplane.Session, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	e, err := m.execLocked(ref, id)
	if err != nil {
		return nil, err
	}
	session := newSession(m, func() *process { return e.process })
	session.next = &e.process.taken
	session.stdin = true
	e.process.owner = session
	return session, nil
}
