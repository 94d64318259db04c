package sandbox

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// unplugTimeout bounds how long a guest may take to give an interface up.
const unplugTimeout = 30 * time.Second

// Refused reports whether err is an answer of the host, so that it is certain
// that what was asked for was not done.
func Refused(err error) bool {
	switch apierr.ClassOf(err) {
	case apierr.NotFound, apierr.FailedPrecondition, apierr.InvalidArgument, apierr.AlreadyExists, apierr.ResourceExhausted, apierr.NotSupported:
		return true
	}
	return false
}

// NICs returns the interfaces that the host has for the machine.
func (s *Sandbox) NICs(ctx context.Context) ([]hostapi.NamedNIC, error) {
	vm, err := s.manager.host.VM(ctx, s.id)
	if err != nil {
		return nil, Explain(err)
	}
	var list []hostapi.NamedNIC
	for _, nic := range vm.Nics {
		list = append(list, hostapi.NamedNIC{Name: nic.Name, Spec: nic.Spec})
	}
	return list, nil
}

// PlugNIC gives the running machine an interface. It may be repeated.
func (s *Sandbox) PlugNIC(ctx context.Context, nic hostapi.NamedNIC) error {
	made, err := s.manager.host.PutNIC(ctx, s.id, nic.Name, nic.Spec)
	if err != nil {
		return Explain(err)
	}
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	if has, err := hasNet(ctx, handle, nic.Name); has || err != nil {
		return Explain(err)
	}
	_, err = handle.AddNet(ctx, netDevice(made))
	return Explain(err)
}

// UnplugNIC takes an interface from the running machine. It may be repeated, also by
// a later control plane.
func (s *Sandbox) UnplugNIC(ctx context.Context, name string) error {
	if err := s.unplug(ctx, name); err != nil {
		return Explain(err)
	}
	return Explain(s.manager.host.DeleteNIC(ctx, s.id, name))
}

// unplug returns once the VMM has let go of the interface, which takes the
// guest's consent: its configuration lacks it before. A VMM whose tap goes away
// too early may die of it.
func (s *Sandbox) unplug(ctx context.Context, name string) error {
	handle := vmm.New(s.dialVMM)
	defer handle.Close()
	seen := s.removals.count(name)
	has, err := hasNet(ctx, handle, name)
	if err != nil {
		return err
	}
	if !has {
		seen = 0 // asked before, maybe by an earlier control plane
	} else if err := handle.RemoveDevice(ctx, name); err != nil {
		return err
	}
	late, cancel := context.WithTimeout(ctx, unplugTimeout)
	defer cancel()
	if s.removals.await(late, s.alive, name, seen) || ctx.Err() != nil {
		return ctx.Err()
	}
	return apierr.New(apierr.Unavailable, "interface_not_released", "the guest has not given its interface %s up; try again", name)
}

// removals counts the devices that the guest has given up.
type removals struct {
	mu      sync.Mutex
	counts  map[string]int // by id
	changed chan struct{}  // closed and replaced at every change
}

func (r *removals) note(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[string]int)
	}
	r.counts[id]++
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *removals) count(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[id]
}

// await waits until there were more removals than seen, and reports whether
// there were before ctx or the machine has ended.
func (r *removals) await(ctx, alive context.Context, id string, seen int) bool {
	for {
		r.mu.Lock()
		n, changed := r.counts[id], r.changed
		r.mu.Unlock()
		if n > seen {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		case <-alive.Done():
			return false
		}
	}
}

// hasNet reports whether the VMM has an interface of that name.
func hasNet(ctx context.Context, handle *vmm.VMM, name string) (bool, error) {
	info, err := handle.Info(ctx)
	return slices.ContainsFunc(info.Config.Net, func(n chapi.NetConfig) bool { return n.Id == name }), err
}
