// Package cardplanetest has what tests of the control plane's edges need: the
// services of package cardplane in memory, without any virtual machine, and
// the conformance suite that every implementation of the services must pass.
//
// [Memory] is a whole control plane whose programs are Go functions. Package
// httpapi serves it, httpclient and cardctl are tested against it.
package cardplanetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/version"
)

// Memory is a control plane in memory. Its zero value is not usable; see
// [NewMemory].
//
// One lock guards everything, and every change wakes everybody who waits.
type Memory struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change
	running sync.WaitGroup

	containers []*container       // in order of creation
	answers    map[string]answer  // to requests with an idempotency key
	images     []cardplane.Image  // the newest first
	configs    map[string][]byte  // configurations of images, by id
	volumes    []cardplane.Volume // in order of creation
	sandboxes  []*box             // in order of creation
	networks   []cardplane.Network
	contents   []cardplane.Content // of both kinds, in order of creation
	subnets    int                 // given to networks
	hosts      int                 // and to interfaces
	events     []cardplane.Event
	programs   map[string]Program
	version    cardplane.VersionInfo
	checks     []cardplane.Check
	onStart    func(context.Context, cardplane.Container) error
	lastTime   time.Time
	roots      []string          // directories
	archives   map[string]string // those with what was imported, by the volume's id
	carried    map[string]int    // exports and imports under way, by the volume's id
}

// NewMemory returns a control plane without images and containers, that knows
// the programs of a small shell.
func NewMemory() *Memory {
	return &Memory{
		changed:  make(chan struct{}),
		answers:  make(map[string]answer),
		configs:  make(map[string][]byte),
		programs: builtins(),
		archives: make(map[string]string),
		carried:  make(map[string]int),
		version: cardplane.VersionInfo{
			Version: version.Release, APIVersion: "v1", GoVersion: runtime.Version(), Epoch: 1, GuestKernel: "6.12.0-test",
			Host: cardplane.HostVersion{Reachable: true, Version: version.Release, VMM: "memory", Networks: cardplane.HostMode},
		},
	}
}

// Containers returns the container service.
func (m *Memory) Containers() cardplane.ContainerService { return (*containerService)(m) }

// Images returns the image service. Its block files do not exist.
func (m *Memory) Images() cardplane.ImageService { return (*imageService)(m) }

// Events returns the event service.
func (m *Memory) Events() cardplane.EventService { return (*eventService)(m) }

// System returns the system service.
func (m *Memory) System() cardplane.SystemService { return (*systemService)(m) }

// AddProgram makes p what a container runs for the command name.
func (m *Memory) AddProgram(name string, p Program) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.programs[name] = p
}

// OnStart calls f in every start, before the program runs; its error fails
// the start. It injects boot failures and slow starts.
func (m *Memory) OnStart(f func(context.Context, cardplane.Container) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onStart = f
}

// SetChecks sets what Doctor reports.
func (m *Memory) SetChecks(checks []cardplane.Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = checks
}

// Close kills every program and waits until all have returned.
func (m *Memory) Close() {
	m.mu.Lock()
	for _, c := range m.containers {
		if c.process != nil {
			c.process.endLocked(signalExit(9))
		}
		for _, e := range c.execs {
			e.process.endLocked(signalExit(9))
		}
	}
	m.notifyLocked()
	m.mu.Unlock()
	m.running.Wait()
	for _, dir := range m.roots {
		_ = os.RemoveAll(dir)
	}
}

// notifyLocked wakes everybody who waits in until.
func (m *Memory) notifyLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// untilLocked waits until ready, which is called with the lock held, or ctx's
// end.
func (m *Memory) untilLocked(ctx context.Context, ready func() bool) error {
	for !ready() {
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		m.mu.Lock()
		if ctx.Err() != nil && !ready() {
			return context.Cause(ctx)
		}
	}
	return nil
}

// nowLocked returns the time; no two calls return the same.
func (m *Memory) nowLocked() time.Time {
	now := time.Now().UTC()
	if !now.After(m.lastTime) {
		now = m.lastTime.Add(time.Nanosecond)
	}
	m.lastTime = now
	return now
}

func newID(bytes int) string {
	id := make([]byte, bytes)
	// Never fails (crypto/rand.Read).
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}
