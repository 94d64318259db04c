package container

import (
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// wired is who has networks: a container in its machine, or a sandbox, whose
// containers share its own.
type wired interface {
	// owner has the addresses, and the published ports in the ledger.
	owner() string
	// machineID is the id of the machine that has the interfaces.
	machineID() string
	// connections are the networks as they are recorded.
	connections() connections
	// connect records a change of them, with further changes in the same
	// transaction.
	connect(change func(*connections), with ...store.Change) error
}

// connections are the networks of a machine.
type connections struct {
	asked     []cardplane.NIC  // nil for what is given to those who do not ask
	published []cardplane.Port // as asked for

	assigned   bool // the machine has what follows
	interfaces []cardplane.Interface
	ports      []cardplane.Port
	reason     string // why there are no interfaces where some were wanted, or why in user mode
}

// wiring keeps the networks of a machine as the record says: on the host and in
// the guest.
type wiring struct {
	wired
	svc *Service
	ctx context.Context // of the machine's use
	log logrus.FieldLogger

	mu      sync.Mutex
	reopen  bool // the host may have lost what it had
	plugged []hostapi.NamedNIC
	told    *guestapi.Network // what the guest was told last

	user *userSide // of networks in user mode
}

func newWiring(of wired, s *Service, ctx context.Context, log logrus.FieldLogger) *wiring {
	return &wiring{wired: of, svc: s, ctx: ctx, log: log, user: newUserSide(s, ctx, log)}
}

// prepare gives the machine its interfaces, and makes on the host what they
// need. It returns them as the host is told of them. It may be repeated.
func (w *wiring) prepare() ([]hostapi.NamedNIC, error) {
	if err := w.assign(); err != nil {
		return nil, err
	}
	if err := w.open(w.ctx); err != nil {
		return nil, err
	}
	return w.svc.hostNICs(w.connections().interfaces), nil
}

// tell tells the guest of its networks, before a program runs.
func (w *wiring) tell(sb *sandbox.Sandbox) error {
	if len(w.connections().interfaces) == 0 {
		return nil
	}
	return w.svc.reach(w.ctx, sb, w.svc.cfg.Sandboxes.BootTimeout(), func(ctx context.Context) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if err := w.tellLocked(ctx, sb); err != nil {
			return err
		}
		w.user.carry(sb)
		return nil
	})
}

// containerWired is a container in a machine of its own.
type containerWired struct{ e *entry }

func (c containerWired) owner() string { return c.e.id }

func (c containerWired) machineID() string { return c.e.record().Container.SandboxID }

func (c containerWired) connections() connections {
	rec := c.e.record()
	return connectionsOf(rec)
}

func connectionsOf(rec store.Record) connections {
	return connections{
		asked: rec.Container.Spec.Networks, published: rec.Container.Spec.Ports,
		assigned: rec.Run.Networked, interfaces: rec.Container.Interfaces, ports: rec.Container.Ports, reason: rec.Container.NetworkReason,
	}
}

func (c containerWired) connect(change func(*connections), with ...store.Change) error {
	return c.e.update(func(rec *store.Record) {
		next := connectionsOf(*rec)
		change(&next)
		rec.Container.Interfaces, rec.Container.Ports, rec.Container.NetworkReason = next.interfaces, next.ports, next.reason
		rec.Run.Networked = next.assigned
	}, with...)
}

// owner, machineID, connections and connect implement wired: the networks of a
// sandbox are those of the machine that its record says has them.
func (m *machine) owner() string { return m.box.owner() }

func (m *machine) machineID() string { return m.id }

func (m *machine) connections() connections {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	return m.connectionsLocked()
}

func (m *machine) connectionsLocked() connections {
	s := m.box.rec.Sandbox
	on := connections{asked: s.Networks, published: s.Ports}
	if wiring := m.box.rec.Wiring; wiring.Machine == m.id {
		on.assigned, on.interfaces, on.ports, on.reason = true, wiring.Interfaces, wiring.Ports, wiring.Reason
	}
	return on
}

func (m *machine) connect(change func(*connections), with ...store.Change) error {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	next := m.connectionsLocked()
	change(&next)
	wiring := store.Wiring{Machine: m.id, Interfaces: next.interfaces, Ports: next.ports, Reason: next.reason}
	if err := m.svc.cfg.Store.Update(append(with, store.WireSandbox(m.box.id, wiring))...); err != nil {
		return err
	}
	m.box.rec.Wiring = wiring
	return nil
}
