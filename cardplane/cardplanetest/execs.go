package cardplanetest

import (
	"context"
	"strconv"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *containerService) Exec(_ context.Context, ref string, spec cardplane.ExecSpec) (cardplane.Exec, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Exec{}, err
	}
	if _, err := c.runningLocked(); err != nil {
		return cardplane.Exec{}, err
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
	e := &exec{Exec: cardplane.Exec{ID: newID(8), ContainerID: c.ID, Command: spec.Command, Running: true}}
	m.eventLocked(cardplane.ExecStarted, e.ID, c.Name, map[string]string{"container": c.ID})
	env := environment(image.Config, c.Spec.Env)
	for name, value := range spec.Env {
		env[name] = value
	}
	e.process = m.launchLocked(program, launch{
		argv: spec.Command, env: env, tty: spec.TTY, stdin: spec.Stdin, size: spec.TerminalSize,
		exited: func(code int) {
			e.Running, e.ExitCode = false, code
			m.eventLocked(cardplane.ExecExited, e.ID, c.Name, map[string]string{"container": c.ID, "exitCode": strconv.Itoa(code)})
		},
	})
	c.execs = append(c.execs, e)
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
