package container

import (
	"slices"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
)

// box is a sandbox as the Service holds it: the record, and the machines that
// its containers are in. There is one machine, but for the end of one that was
// lost: its containers leave it, while a new one waits for that.
//
// An entry's lock is taken before a box's.
type box struct {
	svc *Service
	id  string

	mu       sync.Mutex
	rec      store.SandboxRecord
	machines []*machine // that are not gone, the latest last
}

// owner owns in the ledger, and in leases, what is the sandbox's machine's.
func (b *box) owner() string { return store.OwnerSandbox + b.id }

// sandbox returns the sandbox as it is recorded.
func (b *box) sandbox() cardplane.Sandbox {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rec.Sandbox
}

// interfacesOn are the interfaces of the sandbox's machine of that id.
func (b *box) interfacesOn(machine string) []cardplane.Interface {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rec.Wiring.Machine != machine {
		return nil
	}
	return b.rec.Wiring.Interfaces
}

// enterLocked makes the container a member of the machine that takes
// containers: a new one, which changes are to record, where there is none.
func (b *box) enterLocked(e *entry) (m *machine, changes []store.Change) {
	if n := len(b.machines); n > 0 && b.machines[n-1].openLocked() {
		m = b.machines[n-1]
	} else {
		m = newMachine(b, b.svc.cfg.Store.ID()+"-"+newID(machineBytes))
		m.before = slices.Clone(b.machines)
		b.machines = append(b.machines, m)
		changes = append(changes,
			store.Claim(store.Resource{Kind: store.VM, ID: m.id, Owner: b.owner()}), store.UseMachine(b.id, m.id))
	}
	m.members[e.id] = e
	return m, changes
}

// enteredLocked ends an enterLocked: what it made is recorded, or forgotten
// because of err.
func (b *box) enteredLocked(m *machine, e *entry, err error) {
	if err == nil {
		b.rec.Machine = m.id
		return
	}
	delete(m.members, e.id)
	if len(m.members) == 0 {
		m.closed = true
		b.dropLocked(m)
	}
}

// dropLocked forgets a machine that is gone.
func (b *box) dropLocked(m *machine) {
	b.machines = slices.DeleteFunc(b.machines, func(other *machine) bool { return other == m })
	close(m.gone)
}

// reenter makes an active container a member of the machine that its record
// names, when the control plane starts.
func (b *box) reenter(e *entry) *machine {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := e.rec.Container
	i := slices.IndexFunc(b.machines, func(m *machine) bool { return m.id == c.SandboxID })
	if i < 0 {
		m := newMachine(b, c.SandboxID)
		m.recovered, m.ending, m.stale = true, true, c.SandboxID != b.rec.Machine
		b.machines = append(b.machines, m)
		i = len(b.machines) - 1
	}
	m := b.machines[i]
	m.members[e.id] = e
	m.served = m.served || c.State != cardplane.Starting
	m.ending = m.ending && e.rec.Run.Exit != nil
	slices.SortStableFunc(b.machines, func(x, y *machine) int { return y.staleness() - x.staleness() })
	for _, m := range b.machines {
		m.before = nil
		if !m.stale {
			m.before = slices.DeleteFunc(slices.Clone(b.machines), func(other *machine) bool { return !other.stale })
		}
	}
	return m
}

// openLocked reports whether the machine takes containers: it has some that
// keep it, and was not lost.
func (m *machine) openLocked() bool {
	if m.closed || len(m.members) == 0 || m.stale || m.ending || m.err != nil {
		return false
	}
	return m.sb == nil || !isLost(m.sb)
}

func isLost(sb *sandbox.Sandbox) bool {
	select {
	case <-sb.Lost():
		return true
	default:
		return false
	}
}

func (m *machine) staleness() int {
	if m.stale {
		return 1
	}
	return 0
}
