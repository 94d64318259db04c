package container

import (
	"context"
	"errors"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// machine is a virtual machine of a sandbox, and who is in it.
//
//	(first container enters) ──► booting ──► up ──► closed ──► gone
//	                                 └── (not reached, lost) ──┘
//
// It has a goroutine of its own, which boots or finds it. The last container
// to leave it takes it away. What containers need of it, their runs ask.
type machine struct {
	box *box
	svc *Service
	id  string
	log logrus.FieldLogger

	recovered bool // an earlier process has begun it
	// stale: a later one has taken its place, so no container is started in it.
	stale bool
	// ending: when it was recovered all programs in it had ended, so that it may
	// be gone already.
	ending bool
	// served: a program has run in it, so it must not be made again.
	served bool
	// before are machines of the sandbox whose end this one waits for.
	before []*machine

	ctx    context.Context
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed once those before are gone
	up     chan struct{} // closed once the guest is reached, or cannot be
	gone   chan struct{} // closed once that it was taken away is recorded
	begin  sync.Once

	plugging sync.Mutex // held while devices come and go

	net        *wiring
	following  context.Context // of what keeps the networks as they should be
	unfollow   func()          // ends that, and returns once it has ended
	unfollowed chan struct{}

	// These are under the box's lock. sb and err are set before up is closed.
	members map[string]*entry // containers that have not left
	closed  bool              // it takes no more containers
	sb      *sandbox.Sandbox
	err     error
	founded bool // the start's steps have been told
}

func newMachine(b *box, id string) *machine {
	m := &machine{
		box: b, svc: b.svc, id: id, log: b.svc.log.WithField("sandbox", b.rec.Sandbox.Name),
		ready: make(chan struct{}), up: make(chan struct{}), gone: make(chan struct{}),
		unfollowed: make(chan struct{}), members: make(map[string]*entry),
	}
	m.ctx, m.cancel = context.WithCancelCause(b.svc.ctx)
	m.net = newWiring(m, b.svc, m.ctx, m.log)
	following, stop := context.WithCancel(m.ctx)
	m.following, m.unfollow = following, func() { stop(); <-m.unfollowed }
	return m
}

// run brings the machine up, and keeps its networks as they should be.
func (m *machine) run() {
	defer close(m.unfollowed)
	defer m.net.user.close()
	sb, err := m.reach()
	m.box.mu.Lock()
	m.sb, m.err = sb, err
	abandoned := len(m.members) == 0 && detached(m.ctx)
	m.box.mu.Unlock()
	close(m.up)
	switch {
	case abandoned && sb != nil:
		sb.Close()
	case err == nil:
		m.net.begin(m.recovered)
		m.net.follow(m.following, sb)
	}
}

// reach returns the machine's sandbox: booted, resumed or adopted.
func (m *machine) reach() (*sandbox.Sandbox, error) {
	for _, old := range m.before {
		select {
		case <-old.gone:
		case <-m.ctx.Done():
			return nil, m.ctx.Err()
		}
	}
	close(m.ready)
	switch {
	case m.served:
		return m.persevere(func() (*sandbox.Sandbox, error) { return m.svc.cfg.Sandboxes.Adopt(m.ctx, m.id) })
	case m.stale:
		return m.persevere(func() (*sandbox.Sandbox, error) { return m.svc.cfg.Sandboxes.AdoptRunning(m.ctx, m.id) })
	case m.recovered:
		return m.persevere(func() (*sandbox.Sandbox, error) { return m.bring(m.svc.cfg.Sandboxes.Resume) })
	}
	return m.boot()
}

// bring has the machine's networks made, the machine by start, and its guest
// told of them.
func (m *machine) bring(start func(context.Context, sandbox.Spec) (*sandbox.Sandbox, error)) (*sandbox.Sandbox, error) {
	nics, err := m.net.prepare()
	if err != nil {
		return nil, err
	}
	sb, err := start(m.ctx, m.spec(nics))
	if err != nil {
		return nil, err
	}
	if err := m.net.tell(sb); err != nil {
		sb.Close()
		return nil, err
	}
	return sb, nil
}

func (m *machine) boot() (*sandbox.Sandbox, error) {
	if err := m.svc.destroyStale(m.ctx, m.box.owner(), m.id); err != nil {
		return nil, err
	}
	return m.bring(m.svc.startSandbox)
}

// persevere repeats try for as long as the host is away, or the guest does not
// answer.
func (m *machine) persevere(try func() (*sandbox.Sandbox, error)) (*sandbox.Sandbox, error) {
	for retry := guestclient.NewBackoff(); ; {
		sb, err := try()
		switch {
		case err == nil:
			return sb, nil
		case apierr.Is(err, "vm_not_found"):
			return nil, machineGone()
		case m.ctx.Err() != nil, sandbox.Lost(err), !sandbox.HostAway(err) && !m.served && !m.stale:
			return nil, err
		}
		m.log.WithError(err).Debug("the sandbox's machine is not reached yet")
		if err := retry.Wait(m.ctx); err != nil {
			return nil, err
		}
	}
}

// spec describes the machine. Its containers' devices are plugged in.
func (m *machine) spec(nics []hostapi.NamedNIC) sandbox.Spec {
	s := m.box.sandbox()
	cpus, err := cardplane.ParseCPUSet(s.Resources.CPUSet)
	if err != nil {
		m.log.WithError(err).Error("the sandbox's CPU set is not used")
	}
	return sandbox.Spec{
		ID:     m.id,
		Labels: map[string]string{labelStore: m.svc.cfg.Store.ID(), labelSandbox: s.ID, labelName: s.Name},
		VCPUs:  s.Resources.VCPUs, MemoryBytes: s.Resources.MemoryBytes, HugePages: s.Resources.HugePages, HostCPUs: cpus,
		NICs: nics,
	}
}

// await returns the machine's sandbox once its guest is reached.
func (m *machine) await(ctx context.Context) (*sandbox.Sandbox, error) {
	select {
	case <-m.up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return m.sandbox()
}

// sandbox returns what came of bringing the machine up. m.up is closed.
func (m *machine) sandbox() (*sandbox.Sandbox, error) {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	var e *apierr.Error
	if errors.As(m.err, &e) {
		own := *e // evidence may be added to it
		return nil, &own
	}
	return m.sb, m.err
}

// steps returns the steps of the machine's start to the first who asks, for
// whose container they were taken.
func (m *machine) steps() []cardplane.Timing {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	if m.founded || m.sb == nil {
		return nil
	}
	m.founded = true
	return m.sb.Timings()
}

// plug gives the machine what a container of it needs.
func (m *machine) plug(ctx context.Context, sb *sandbox.Sandbox, devices []sandbox.Device) error {
	m.plugging.Lock()
	defer m.plugging.Unlock()
	err := sb.Plug(ctx, devices)
	if apierr.Is(err, "attachment_exists") {
		return apierr.New(apierr.FailedPrecondition, "volume_in_use",
			"the machine of sandbox %s was given a volume to read only, and the container is to write to it; stop the sandbox's other containers first: %w", m.box.sandbox().Name, err)
	}
	return err
}

// others returns the containers in the machine besides that of e.
func (m *machine) others(e *entry) []store.Record {
	m.box.mu.Lock()
	var entries []*entry
	for id, other := range m.members {
		if id != e.id {
			entries = append(entries, other)
		}
	}
	m.box.mu.Unlock()
	var list []store.Record
	for _, other := range entries {
		list = append(list, other.record())
	}
	return list
}

// detach takes a container out of a machine that goes on without this control
// plane.
func (m *machine) detach(e *entry) {
	m.box.mu.Lock()
	_, in := m.members[e.id]
	delete(m.members, e.id)
	var sb *sandbox.Sandbox
	if in && len(m.members) == 0 {
		sb = m.sb
	}
	m.box.mu.Unlock()
	if sb != nil {
		sb.Close()
	}
}
