package container

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// followed is what a run knows of how far its networks are as the record says.
type followed struct {
	mu      sync.Mutex
	reopen  bool // the host may have lost what it had
	plugged []hostapi.NamedNIC
	told    *guestapi.Network // what the guest was told last
}

// begin is called before the run is followed.
func (r *run) beginNetworks() {
	r.net.reopen = r.recovered
	r.net.plugged = r.svc.hostNICs(r.e.record().Container.Interfaces)
}

// followNetworks keeps the host and the guest as the record says until ctx
// ends.
func (r *run) followNetworks(ctx context.Context, sb *sandbox.Sandbox, helpers *sync.WaitGroup) {
	serving := false
	for retry := guestclient.NewBackoff(); ; {
		changed := r.svc.zones.wait()
		hostChanged, away := r.svc.away()
		if away != nil {
			r.net.mu.Lock()
			r.net.reopen = true
			r.net.mu.Unlock()
		} else if err := r.syncNetworks(ctx, sb); err != nil {
			r.log.WithError(err).Debug("the container's networks are not as they should be yet")
			if retry.Wait(ctx) != nil {
				return
			}
			continue
		}
		retry.Reset()
		if !serving && r.svc.cfg.Names != nil && len(r.e.record().Container.Interfaces) > 0 {
			serving = true
			helpers.Go(func() { r.serveNames(ctx, sb) })
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-hostChanged:
		}
	}
}

// syncNetworks makes the host and the guest what the record says.
func (r *run) syncNetworks(ctx context.Context, sb *sandbox.Sandbox) error {
	n := &r.net
	n.mu.Lock()
	defer n.mu.Unlock()
	c := r.e.record().Container
	wanted := r.svc.hostNICs(c.Interfaces)
	if len(wanted)+len(n.plugged) == 0 && n.told == nil && !n.reopen {
		return nil
	}
	if n.reopen {
		plugged, err := sb.NICs(ctx)
		if err != nil {
			return err
		}
		n.plugged = plugged
	}
	if err := r.plugLocked(ctx, sb, wanted); err != nil {
		return err
	}
	if len(wanted)+len(n.plugged) > 0 {
		if err := r.tellLocked(ctx, sb, c); err != nil {
			return err
		}
	}
	return r.unplugLocked(ctx, sb, wanted)
}

// plugLocked gives the machine the interfaces that it lacks.
func (r *run) plugLocked(ctx context.Context, sb *sandbox.Sandbox, wanted []hostapi.NamedNIC) error {
	n := &r.net
	missing := lacking(wanted, n.plugged)
	if !n.reopen && len(missing) == 0 {
		return nil
	}
	if err := r.openNetworks(ctx); err != nil {
		return err
	}
	for _, nic := range missing {
		if err := sb.PlugNIC(ctx, nic); err != nil {
			return err
		}
		n.plugged = append(n.plugged, nic)
	}
	n.reopen = false
	return nil
}

// lacking returns what is in list and not in other.
func lacking(list, other []hostapi.NamedNIC) []hostapi.NamedNIC {
	return slices.DeleteFunc(slices.Clone(list), func(nic hostapi.NamedNIC) bool {
		return slices.ContainsFunc(other, func(o hostapi.NamedNIC) bool {
			return o.Name == nic.Name && strings.EqualFold(o.Spec.Mac, nic.Spec.Mac)
		})
	})
}

// tellLocked tells the guest what it does not know yet.
func (r *run) tellLocked(ctx context.Context, sb *sandbox.Sandbox, c cardplane.Container) error {
	config := r.svc.guestNetwork(c)
	if r.net.told != nil && reflect.DeepEqual(*r.net.told, config) {
		return nil
	}
	if err := sb.Guest().PutNetwork(ctx, config); err != nil {
		return err
	}
	r.net.told = &config
	return nil
}

// unplugLocked takes interfaces from the machine that it is not to have any
// longer, and their addresses back.
func (r *run) unplugLocked(ctx context.Context, sb *sandbox.Sandbox, wanted []hostapi.NamedNIC) error {
	n := &r.net
	for _, nic := range lacking(n.plugged, wanted) {
		if err := sb.UnplugNIC(ctx, nic.Name); err != nil {
			return err
		}
		id := strings.TrimPrefix(nic.Spec.Network, r.svc.hostNetwork("").ID)
		if err := r.svc.cfg.Store.Update(endAddresses(id, nic.Spec.Addresses)...); err != nil {
			return err
		}
		n.plugged = slices.DeleteFunc(n.plugged, func(p hostapi.NamedNIC) bool { return p.Name == nic.Name })
		r.svc.releaseNetworks([]cardplane.Interface{{Network: id, NetworkID: id}})
	}
	return nil
}

func endAddresses(network string, list []hostapi.Address) []store.Change {
	var changes []store.Change
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil { // it is of our making
			changes = append(changes, store.EndAddress(network, a))
		}
	}
	return changes
}

// tellNetwork tells the guest of its networks, before the program runs.
func (r *run) tellNetwork(sb *sandbox.Sandbox) error {
	c := r.e.record().Container
	if len(c.Interfaces) == 0 {
		return nil
	}
	return r.svc.reach(r.ctx, sb, r.svc.cfg.Sandboxes.BootTimeout(), func(ctx context.Context) error {
		r.net.mu.Lock()
		defer r.net.mu.Unlock()
		return r.tellLocked(ctx, sb, c)
	})
}

// serveNames answers for names that the guest was not told, until ctx ends.
func (r *run) serveNames(ctx context.Context, sb *sandbox.Sandbox) {
	for retry := guestclient.NewBackoff(); ; {
		err := sb.Guest().ServeNames(ctx, retry.Reset, r.answerName)
		if ctx.Err() == nil {
			r.log.WithError(err).Debug("the guest's questions for names are not read")
		}
		if retry.Wait(ctx) != nil || apierr.Is(err, "stale_epoch") {
			return
		}
	}
}

// answerName answers the query of a container: not at all while nothing leads
// out of its networks.
func (r *run) answerName(ctx context.Context, query []byte) []byte {
	for _, i := range r.e.record().Container.Interfaces {
		if n, err := r.svc.networks.Get(ctx, i.NetworkID); err == nil && !n.Internal {
			return r.svc.cfg.Names.Answer(ctx, query)
		}
	}
	return nil
}
