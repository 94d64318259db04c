package container

import (
	"context"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
)

// porter is a machine without containers that has one volume, for as long as the
// volume's files are carried in or out. Its claim and its lease are recorded
// before it is made, so that the janitor takes away what a control plane leaves
// that dies.
type porter struct {
	svc    *Service
	vm     store.Resource
	volume sandbox.Volume
	write  bool
	sb     *sandbox.Sandbox
}

// porters are the machines that are in use.
type porters struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (p *porters) set(id string, inUse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[string]bool)
	}
	if inUse {
		p.ids[id] = true
	} else {
		delete(p.ids, id)
	}
}

func (p *porters) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

// hire starts a machine with the volume, to write to it or to read. leave must
// follow.
func (s *Service) hire(ctx context.Context, v cardplane.Volume, write bool) (*porter, error) {
	id := newID(machineBytes)
	owner := store.OwnerArchive + id
	p := &porter{svc: s, write: write, vm: store.Resource{Kind: store.VM, ID: s.cfg.Store.ID() + "-" + id, Owner: owner}}
	s.porters.set(p.vm.ID, true)
	err := s.cfg.Store.Update(append(s.claimBoot(),
		store.Lease(v.Name, owner, write), store.Claim(p.vm), store.Claim(s.volumeDisk(v)))...)
	if err != nil {
		s.porters.set(p.vm.ID, false)
		return nil, err
	}
	if err := p.start(ctx, v); err != nil {
		p.leave()
		return nil, sandbox.Explain(err)
	}
	return p, nil
}

// start starts the machine. It is of the size that containers have by default;
// machines of sandboxes are like it, too, and share its template.
func (p *porter) start(ctx context.Context, v cardplane.Volume) error {
	leases, err := p.svc.cfg.Store.Leases(p.vm.Owner)
	if err != nil {
		return err
	}
	size, err := completeResources(cardplane.Resources{})
	if err != nil {
		return err
	}
	p.volume = p.svc.volumeDevice(v, leases[v.Name])
	p.sb, err = p.svc.startSandbox(ctx, sandbox.Spec{
		ID:     p.vm.ID,
		Labels: map[string]string{labelStore: p.svc.cfg.Store.ID(), labelName: v.Name},
		VCPUs:  size.VCPUs, MemoryBytes: size.MemoryBytes,
		Volumes: []sandbox.Volume{p.volume},
	})
	return err
}

// leave takes the machine away and ends its use of the volume, or has the
// janitor do so.
func (p *porter) leave() {
	err := p.takeAway(p.powerOff())
	p.svc.porters.set(p.vm.ID, false)
	if err != nil {
		p.svc.log.WithError(err).WithField("vm", p.vm.ID).Warn("the machine of a volume is not removed yet")
		p.svc.wakeJanitor()
	}
}

// powerOff ends the machine in order, and reports whether the volume is in order
// as well. One that was only read is as it was, which is all that is known of it.
func (p *porter) powerOff() (unmounted bool) {
	if p.sb == nil {
		return false
	}
	defer p.sb.Close()
	if err := p.sb.PowerOff(p.svc.ctx, powerOffTimeout); err != nil {
		p.svc.log.WithError(err).WithField("vm", p.vm.ID).Warn("the machine of a volume was not switched off in order")
		return false
	}
	return p.write
}

func (p *porter) takeAway(unmounted bool) error {
	ctx, cancel := context.WithTimeout(p.svc.ctx, destroyTimeout)
	defer cancel()
	if err := p.svc.destroy(ctx, p.vm); err != nil {
		return err
	}
	return p.svc.cfg.Store.Update(store.Release(p.vm), store.EndLeases(p.vm.Owner, unmounted))
}
