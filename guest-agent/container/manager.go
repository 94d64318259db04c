package container

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/guest-agent/stdio"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	maxContainers = 256
	maxExecs      = 256 // of one container
	// startTimeout bounds a start and a clean-up on a very slow machine.
	startTimeout = 2 * time.Minute
	// killTimeout bounds the wait for a process after SIGKILL.
	killTimeout = 30 * time.Second
)

// Manager owns every container of the machine.
type Manager struct {
	log     logrus.FieldLogger
	machine func() guestapi.Machine
	runtime Runtime
	roots   Roots
	kernel  Kernel
	pool    stdio.Pool
	// watchers wait for the ends of processes.
	watchers sync.WaitGroup

	mu         sync.Mutex
	containers map[string]*container
	closing    bool
	copies     int // of files, under way

	staged staged
}

// container is one container and its execs.
type container struct {
	*process
	id string
	// health is nil where there is no health check.
	health *health

	// freezing is held while the runtime freezes or thaws.
	freezing sync.Mutex
	// limiting is held while the runtime changes limits.
	limiting sync.Mutex
	// directories are those in memory, and replacing is held while a file of them
	// is replaced.
	directories []string
	replacing   sync.Mutex
	// mounting is held while volumes are mounted and unmounted.
	mounting sync.Mutex
	volumes  []guestapi.Volume // that it has; guarded by mounting

	// These are under the Manager's lock.
	execs  map[string]*process
	paused bool
}

// NewManager returns a Manager without containers. Each container will say
// that it runs on what machine returns.
func NewManager(log logrus.FieldLogger, machine func() guestapi.Machine, runtime Runtime, roots Roots, kernel Kernel) *Manager {
	return &Manager{log: log, machine: machine, runtime: runtime, roots: roots, kernel: kernel, containers: map[string]*container{}, staged: staged{ids: map[string]bool{}}}
}

// List returns all containers, ordered by id.
func (m *Manager) List() []guestapi.Container {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]guestapi.Container, 0, len(m.containers))
	for _, c := range m.containers {
		list = append(list, m.view(c))
	}
	slices.SortFunc(list, func(a, b guestapi.Container) int { return cmp.Compare(a.Id, b.Id) })
	return list
}

func (m *Manager) view(c *container) guestapi.Container {
	out := c.snapshot()
	out.Id, out.Machine = c.id, m.machine()
	return out
}

func (m *Manager) find(id string) (*container, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.containers[id]; ok {
		return c, nil
	}
	return nil, apierr.New(apierr.NotFound, "container_not_found", "no container has the id %q", id)
}

// Get returns the container id.
func (m *Manager) Get(id string) (guestapi.Container, error) {
	c, err := m.find(id)
	if err != nil {
		return guestapi.Container{}, err
	}
	return m.view(c), nil
}

// Wait waits until the container has exited or ctx is done, and returns it.
func (m *Manager) Wait(ctx context.Context, id string) (guestapi.Container, error) {
	c, err := m.find(id)
	if err != nil {
		return guestapi.Container{}, err
	}
	c.awaitExit(ctx)
	return m.view(c), nil
}

// Kill sends a signal to the container's process, or to all of its processes.
func (m *Manager) Kill(id string, sig syscall.Signal, all bool) error {
	c, err := m.find(id)
	if err != nil {
		return err
	}
	if !all {
		return c.signal(sig)
	}
	if _, err := c.running(); err != nil {
		return err
	}
	return m.runtime.SignalAll(id, sig)
}

// Resize sets the size of the container's terminal.
func (m *Manager) Resize(id string, size guestapi.TerminalSize) error {
	c, err := m.find(id)
	if err != nil {
		return err
	}
	return c.resize(size)
}

// Streams returns the streams of a container, or of an exec of it where exec
// is not "".
func (m *Manager) Streams(id, exec string) (*stdio.Streams, error) {
	c, err := m.find(id)
	if err != nil {
		return nil, err
	}
	if exec == "" {
		return c.streams, nil
	}
	e, err := m.findExec(id, exec)
	if err != nil {
		return nil, err
	}
	return e.streams, nil
}

// CheckRunning fails unless the container id runs: container_not_found,
// container_not_running.
func (m *Manager) CheckRunning(id string) error {
	c, err := m.find(id)
	if err != nil {
		return err
	}
	_, err = c.running()
	return err
}

// watch records the end of p when it comes.
func (m *Manager) watch(p *process, handle Process, oom func() (killed, atLimit bool)) {
	m.watchers.Go(func() {
		<-handle.Done()
		exit := handle.Exit()
		killed, atLimit := oom()
		p.ended(exit, killed, atLimit)
		m.log.WithFields(logrus.Fields{"process": p.name, "code": exit.Code}).Info("exited")
	})
}

// cleanUpContext is ctx without its end, with a bound of its own: what was
// begun is finished even when the client has gone.
func cleanUpContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
}
