package container

import (
	"context"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// Pause makes every process of a running container stand still. When that
// fails they go on.
func (m *Manager) Pause(ctx context.Context, id string) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	c, err := m.find(id)
	if err != nil {
		return err
	}
	c.freezing.Lock()
	defer c.freezing.Unlock()
	if _, err := c.running(); err != nil {
		return err
	}
	m.setPaused(c, true)
	c.health.suspend()
	if err := m.runtime.Freeze(ctx, c.id, true); err != nil {
		m.setPaused(c, false)
		c.health.resume()
		return err
	}
	return nil
}

// Unpause lets the processes of a container go on.
func (m *Manager) Unpause(ctx context.Context, id string) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	c, err := m.find(id)
	if err != nil {
		return err
	}
	c.freezing.Lock()
	defer c.freezing.Unlock()
	if _, err := c.running(); err != nil {
		return err
	}
	if !m.isPaused(c) {
		return nil
	}
	if err := m.runtime.Freeze(ctx, c.id, false); err != nil {
		return err
	}
	m.setPaused(c, false)
	c.health.resume()
	return nil
}

func (m *Manager) isPaused(c *container) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return c.paused
}

func (m *Manager) setPaused(c *container, paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.paused = paused
}

func errPaused(name string) error {
	return apierr.New(apierr.FailedPrecondition, "container_paused", "%s is paused; unpause it first", name)
}
