package container

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Put creates and starts the container id, or returns the one there is if its
// configuration is the same. created tells which.
func (m *Manager) Put(ctx context.Context, id string, config *guestapi.ContainerConfig) (view guestapi.Container, created bool, err error) {
	c, created, err := m.claim(id, config)
	if err != nil {
		return view, false, err
	}
	if created {
		m.unstage(id)
		err = m.start(ctx, c, config)
	} else {
		err = c.awaitStart(ctx)
	}
	if err != nil {
		return view, false, err
	}
	return m.view(c), created, nil
}

// claim enters a new container, which the caller must start, or finds the one
// that has the id.
func (m *Manager) claim(id string, config *guestapi.ContainerConfig) (*container, bool, error) {
	if err := errors.Join(checkID(id), checkContainer(config)); err != nil {
		return nil, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.containers[id]; ok {
		if !reflect.DeepEqual(c.config, config) {
			return nil, false, apierr.New(apierr.AlreadyExists, "container_exists", "%s exists with another configuration; delete it first", c.name)
		}
		return c, false, nil
	}
	if m.closing {
		return nil, false, errShuttingDown()
	}
	if len(m.containers) >= maxContainers {
		return nil, false, apierr.New(apierr.ResourceExhausted, "too_many", "there are %d containers already; delete one first", maxContainers)
	}
	news := new(news)
	opts := streamOptions(config.Spec.Process.Terminal, config.Stdin, config.OutputBufferBytes, config.WhenFull, news)
	name := fmt.Sprintf("container %q", id)
	streams, err := stdio.Open(m.log.WithField("process", name), &m.pool, opts)
	if err != nil {
		return nil, false, err
	}
	c := &container{process: newProcess(name, config, streams, news), id: id, execs: map[string]*process{}, directories: config.Directories, volumes: slices.Clone(config.Volumes)}
	c.health = m.healthOf(c, config)
	m.containers[id] = c
	return c, true, nil
}

func errShuttingDown() error {
	return apierr.New(apierr.Unavailable, "shutting_down", "the machine is powering off")
}

// start starts c. After a failure c is gone.
func (m *Manager) start(ctx context.Context, c *container, config *guestapi.ContainerConfig) error {
	ctx, cancel := cleanUpContext(ctx)
	defer cancel()
	handle, err := m.run(ctx, c, config)
	c.streams.CloseChildFiles()
	if err != nil {
		m.forget(c)
		c.streams.Close()
		c.started(nil, err)
		return err
	}
	c.health.resume() // before a pause can be asked for
	c.started(handle, nil)
	m.watch(c.process, handle, func() (killed, atLimit bool) { return m.runtime.OOMKilled(c.id) })
	m.log.WithField("process", c.name).WithField("pid", handle.Pid()).Info("started")
	return nil
}

// run prepares c's root and runs it.
func (m *Manager) run(ctx context.Context, c *container, config *guestapi.ContainerConfig) (Process, error) {
	if err := m.kernel.SetParameters(config.Sysctls); err != nil {
		return nil, err
	}
	root, err := m.roots.Prepare(ctx, c.id, config)
	if err != nil {
		return nil, err
	}
	handle, err := m.runtime.Run(ctx, c.id, runtimeSpec(c.id, config, root), c.io())
	if err != nil {
		if undo := m.roots.Release(ctx, c.id); undo != nil {
			m.log.WithField("process", c.name).WithError(undo).Error("cannot release the root of a failed start")
		}
		return nil, err
	}
	if root.Started != nil {
		root.Started()
	}
	return handle, nil
}

func (m *Manager) forget(c *container) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.containers, c.id)
}
