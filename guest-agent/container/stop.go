package container

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// drainTimeout bounds how long a shutdown waits for clients to take the last
// output.
const drainTimeout = 2 * time.Second

// Delete forgets an exited container and all that belongs to it; force kills
// one that runs. A delete that failed half-way can be repeated.
func (m *Manager) Delete(ctx context.Context, id string, force bool) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	c, err := m.find(id)
	if err != nil {
		return cmp.Or(m.dropStaged(ctx, id), err)
	}
	if err := c.awaitStart(ctx); err != nil {
		return err
	}
	if !c.hasExited() && !force {
		return apierr.New(apierr.FailedPrecondition, "container_running", "%s is running; kill it first or use force", c.name)
	}
	if err := c.beginDelete(); err != nil {
		return err
	}
	c.awaitChanged()
	if err := m.remove(ctx, c); err != nil {
		c.abortDelete()
		return err
	}
	m.forget(c)
	return nil
}

// awaitChanged returns once no file is replaced and no volume mounted any more. A
// delete has begun, so that none will be.
func (c *container) awaitChanged() {
	c.replacing.Lock()
	defer c.replacing.Unlock()
	c.mounting.Lock()
	defer c.mounting.Unlock()
}

// remove undoes what start has done.
func (m *Manager) remove(ctx context.Context, c *container) error {
	if err := killAndWait(ctx, c.process, func() error { return m.runtime.SignalAll(c.id, syscall.SIGKILL) }); err != nil {
		return err
	}
	for _, e := range m.execsOf(c) {
		if e.awaitStart(ctx) == nil {
			if err := killAndWait(ctx, e, func() error { return m.runtime.SignalAll(c.id, syscall.SIGKILL) }); err != nil {
				return err
			}
		}
	}
	c.health.close()
	if err := m.runtime.Delete(ctx, c.id); err != nil {
		return err
	}
	if err := m.roots.Release(ctx, c.id); err != nil {
		return err
	}
	for _, e := range m.execsOf(c) {
		e.streams.Close()
	}
	c.streams.Close()
	return nil
}

func (m *Manager) execsOf(c *container) []*process {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]*process, 0, len(c.execs))
	for _, e := range c.execs {
		list = append(list, e)
	}
	return list
}

// killAndWait calls kill if p runs, and waits for its end.
func killAndWait(ctx context.Context, p *process, kill func() error) error {
	if p.hasExited() {
		return nil
	}
	killErr := kill()
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	p.awaitExit(ctx)
	if p.hasExited() {
		return nil // killErr, if any, was that it has ended by itself
	}
	return errors.Join(apierr.New(apierr.Unavailable, "container_busy", "%s does not end after SIGKILL", p.name), killErr)
}

// Shutdown ends every container: SIGTERM, after grace SIGKILL, then a moment
// for clients to take the last output. Nothing is started from then on.
func (m *Manager) Shutdown(ctx context.Context, grace time.Duration) {
	var all sync.WaitGroup
	for _, c := range m.close() {
		all.Go(func() { m.stop(ctx, c, grace) })
	}
	all.Wait()
}

// close refuses further starts and returns all containers.
func (m *Manager) close() []*container {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closing = true
	list := make([]*container, 0, len(m.containers))
	for _, c := range m.containers {
		list = append(list, c)
	}
	return list
}

func (m *Manager) stop(ctx context.Context, c *container, grace time.Duration) {
	if c.awaitStart(ctx) != nil {
		return
	}
	log := m.log.WithField("process", c.name)
	if err := m.Unpause(ctx, c.id); err != nil {
		log.WithError(err).Debug("not unpaused at power-off")
	}
	// A failing signal means that it has ended; if not, SIGKILL follows.
	_ = c.signal(syscall.SIGTERM)
	graceful, cancel := context.WithTimeout(ctx, grace)
	c.awaitExit(graceful)
	cancel()
	if err := killAndWait(ctx, c.process, func() error { return m.runtime.SignalAll(c.id, syscall.SIGKILL) }); err != nil {
		log.WithError(err).Error("still there at power-off")
	}
	c.health.close()
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	c.streams.Stdout.Drain(drain)
	c.streams.Stderr.Drain(drain)
	// A root that is not released is synced all the same.
	if err := m.runtime.Delete(ctx, c.id); err != nil {
		log.WithError(err).Error("cannot delete at power-off")
	}
	if err := m.roots.Release(ctx, c.id); err != nil {
		log.WithError(err).Error("cannot unmount at power-off")
	}
}

// Close ends every container at once and frees everything. It is for tests
// and for an agent that goes on to exit; Shutdown is the gentle way.
func (m *Manager) Close(ctx context.Context) error {
	var errs []error
	for _, c := range m.close() {
		if c.awaitStart(ctx) == nil {
			errs = append(errs, m.Delete(ctx, c.id, true))
		}
	}
	m.watchers.Wait()
	return errors.Join(errs...)
}
