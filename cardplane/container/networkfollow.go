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
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// begin is called before the machine's networks are followed. recovered tells
// that they were made by an earlier process.
func (w *wiring) begin(recovered bool) {
	w.reopen = recovered
	w.plugged = w.svc.hostNICs(w.connections().interfaces)
}

// follow keeps the host and the guest as the record says until ctx ends.
func (w *wiring) follow(ctx context.Context, sb *sandbox.Sandbox) {
	var names sync.WaitGroup
	defer names.Wait()
	serving := false
	w.svc.keep(ctx, w.svc.zones, func(away bool) error {
		if away {
			w.mu.Lock()
			w.reopen = true
			w.mu.Unlock()
		} else if err := w.sync(ctx, sb); err != nil {
			w.log.WithError(err).Debug("the networks are not as they should be yet")
			return err
		}
		if !serving && w.svc.cfg.Names != nil && len(w.connections().interfaces) > 0 {
			serving = true
			names.Go(func() { w.serveNames(ctx, sb) })
		}
		return nil
	})
}

// sync makes the host and the guest what the record says.
func (w *wiring) sync(ctx context.Context, sb *sandbox.Sandbox) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	on := w.connections()
	wanted := w.svc.hostNICs(on.interfaces)
	if len(on.interfaces)+len(w.plugged) == 0 && w.told == nil && !w.reopen {
		return nil
	}
	// What needs no host does not wait for it.
	if err := w.user.join(on.interfaces); err != nil {
		return err
	}
	w.user.carry(sb)
	stale, err := w.staleLocked(on)
	if err != nil {
		return err
	}
	if w.reopen {
		plugged, err := sb.NICs(ctx)
		if err != nil {
			return err
		}
		w.plugged = plugged
	}
	if err := w.plugLocked(ctx, sb, wanted); err != nil {
		return err
	}
	if len(on.interfaces)+len(w.plugged)+len(stale) > 0 || w.told != nil {
		if err := w.tellLocked(ctx, sb); err != nil {
			return err
		}
	}
	if err := w.unplugLocked(ctx, sb, wanted); err != nil {
		return err
	}
	if gone := append(w.user.part(on.interfaces), stale...); len(gone) > 0 {
		return w.svc.cfg.Store.Update(gone...)
	}
	return nil
}

// staleLocked takes back, after a restart, the addresses of interfaces that an
// earlier process had begun to take off.
func (w *wiring) staleLocked(on connections) ([]store.Change, error) {
	if !w.reopen || !on.assigned {
		return nil, nil
	}
	return w.svc.staleAddresses(w.owner(), on.interfaces)
}

// plugLocked gives the machine the interfaces that it lacks.
func (w *wiring) plugLocked(ctx context.Context, sb *sandbox.Sandbox, wanted []hostapi.NamedNIC) error {
	missing := lacking(wanted, w.plugged)
	if !w.reopen && len(missing) == 0 {
		return nil
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	for _, nic := range missing {
		if err := sb.PlugNIC(ctx, nic); err != nil {
			return err
		}
		w.plugged = append(w.plugged, nic)
	}
	w.reopen = false
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
func (w *wiring) tellLocked(ctx context.Context, sb *sandbox.Sandbox) error {
	config := w.svc.guestNetwork(w.connections().interfaces)
	if w.told != nil && reflect.DeepEqual(*w.told, config) {
		return nil
	}
	if err := sb.Guest().PutNetwork(ctx, config); err != nil {
		return err
	}
	w.told = &config
	return nil
}

// unplugLocked takes interfaces from the machine that it is not to have any
// longer, and their addresses back.
func (w *wiring) unplugLocked(ctx context.Context, sb *sandbox.Sandbox, wanted []hostapi.NamedNIC) error {
	for _, nic := range lacking(w.plugged, wanted) {
		if err := sb.UnplugNIC(ctx, nic.Name); err != nil {
			return err
		}
		id := strings.TrimPrefix(nic.Spec.Network, w.svc.hostNetwork("").ID)
		if err := w.svc.cfg.Store.Update(endAddresses(id, nic.Spec.Addresses)...); err != nil {
			return err
		}
		w.plugged = slices.DeleteFunc(w.plugged, func(p hostapi.NamedNIC) bool { return p.Name == nic.Name })
		w.svc.releaseNetworks([]cardplane.Interface{{Network: id, NetworkID: id}})
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

// serveNames answers for names that the guest was not told, until ctx ends.
func (w *wiring) serveNames(ctx context.Context, sb *sandbox.Sandbox) {
	for retry := guestclient.NewBackoff(); ; {
		err := sb.Guest().ServeNames(ctx, retry.Reset, w.answerName)
		if ctx.Err() == nil {
			w.log.WithError(err).Debug("the guest's questions for names are not read")
		}
		if retry.Wait(ctx) != nil || apierr.Is(err, "stale_epoch") {
			return
		}
	}
}

// answerName answers the query of a guest: not at all while nothing leads
// out of its networks.
func (w *wiring) answerName(ctx context.Context, query []byte) []byte {
	for _, i := range w.connections().interfaces {
		if n, err := w.svc.networks.Get(ctx, i.NetworkID); err == nil && !n.Internal {
			return w.svc.cfg.Names.Answer(ctx, query)
		}
	}
	return nil
}
