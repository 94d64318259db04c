package container

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/network"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// assign gives the machine its interfaces and their addresses, and claims what
// the host will make for them, in one transaction. It does so once for each
// machine.
func (w *wiring) assign() error {
	on := w.connections()
	if on.assigned {
		return nil
	}
	nics, reason, err := w.svc.nicsFor(w.ctx, on)
	if err != nil {
		return err
	}
	a, err := w.svc.assign(w.ctx, w.owner(), nics)
	if err != nil {
		return err
	}
	defer a.unlock()
	changes := a.changes
	if publishedByHost(a.interfaces) {
		for _, r := range w.forwards() {
			changes = append(changes, store.Claim(r))
		}
	}
	err = w.connect(func(on *connections) {
		on.assigned, on.interfaces, on.ports, on.reason = true, a.interfaces, nil, reason
	}, changes...)
	if err == nil {
		w.svc.zones.announce()
	}
	return err
}

// nicsFor returns the interfaces that a machine is to have, and why there are
// none although it asked for none such, or why they are in user mode.
func (s *Service) nicsFor(ctx context.Context, on connections) (nics []cardplane.NIC, reason string, err error) {
	if on.asked != nil && len(on.asked) == 0 {
		return nil, "", nil
	}
	reason, err = s.noNetworks(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case reason != "" && s.cfg.UserNetworks:
		reason = "the networks run in user mode, because the compute host cannot make any: " + reason
	case reason != "" && len(on.asked) > 0:
		return nil, "", networkUnavailable(reason).At("/networks")
	case reason != "" && len(on.published) > 0:
		return nil, "", networkUnavailable(reason).At("/ports")
	case reason != "":
		return nil, "the compute host cannot make networks: " + reason, nil
	}
	nics = on.asked
	if nics == nil {
		nics = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	if slices.ContainsFunc(nics, func(n cardplane.NIC) bool { return n.Network == cardplane.DefaultNetwork }) {
		err = s.makeDefault(ctx)
	}
	return nics, reason, err
}

// makeDefault makes the default network, unless there is one.
func (s *Service) makeDefault(ctx context.Context) error {
	_, err := s.networks.Get(ctx, cardplane.DefaultNetwork)
	if apierr.ClassOf(err) != apierr.NotFound {
		return err
	}
	_, err = s.Networks().Create(ctx, cardplane.NetworkSpec{Name: cardplane.DefaultNetwork}, "")
	if apierr.Is(err, "network_exists") {
		return nil
	}
	return err
}

// assignment is what a machine is about to get.
type assignment struct {
	interfaces []cardplane.Interface
	changes    []store.Change
	unlock     func()
}

// assign chooses the interfaces of a user's machine. Until unlock nobody else
// gets addresses of their networks.
func (s *Service) assign(ctx context.Context, user string, nics []cardplane.NIC) (a assignment, err error) {
	var unlocks []func()
	a.unlock = func() {
		for _, unlock := range unlocks {
			unlock()
		}
	}
	defer func() {
		if err != nil {
			a.unlock()
		}
	}()
	found, err := s.networksOf(ctx, nics)
	if err != nil {
		return a, err
	}
	for _, id := range sortedKeys(idsOf(found)) { // in one order, so that two cannot wait for each other
		unlock, err := s.lockNetwork(ctx, id)
		if err != nil {
			return a, err
		}
		unlocks = append(unlocks, unlock)
	}
	for i, nic := range nics {
		field := fmt.Sprintf("/networks/%d", i)
		mode, err := s.modeOf(ctx, found[i].ID)
		if err != nil {
			return a, apierr.From(err).At(field)
		}
		if err := s.assignOne(&a, mode, field, found[i], nic, user, nil); err != nil {
			return a, err
		}
	}
	return a, nil
}

func (s *Service) networksOf(ctx context.Context, nics []cardplane.NIC) ([]cardplane.Network, error) {
	var out []cardplane.Network
	for i, nic := range nics {
		n, err := s.networks.Get(ctx, nic.Network)
		if err != nil {
			return nil, apierr.From(err).At(fmt.Sprintf("/networks/%d/network", i))
		}
		out = append(out, n)
	}
	return out, nil
}

func idsOf(list []cardplane.Network) map[string]string {
	ids := make(map[string]string)
	for _, n := range list {
		ids[n.ID] = n.Name
	}
	return ids
}

// assignOne adds an interface on n, for a user that has some before.
func (s *Service) assignOne(a *assignment, mode cardplane.NetworkMode, field string, n cardplane.Network, nic cardplane.NIC, user string, before []cardplane.Interface) error {
	users, err := s.cfg.Store.Addresses(n.ID)
	if err != nil {
		return err
	}
	i, given, err := network.Interface(field, n, nic, users, user)
	if err != nil {
		return err
	}
	i.Name, i.Mode = freeName(slices.Concat(before, a.interfaces)), mode
	if mode == cardplane.HostMode {
		a.changes = append(a.changes, store.Claim(s.hostNetwork(n.ID)))
	} else {
		i.MTU = userMTU(n)
	}
	a.interfaces = append(a.interfaces, i)
	for _, addr := range given {
		a.changes = append(a.changes, store.LeaseAddress(n, addr, user))
	}
	return nil
}

// freeName returns the first name that no interface has.
func freeName(list []cardplane.Interface) string {
	for n := 0; ; n++ {
		name := fmt.Sprintf("eth%d", n)
		if !slices.ContainsFunc(list, func(i cardplane.Interface) bool { return i.Name == name }) {
			return name
		}
	}
}

// forwards are the published ports of the machine on the host, in the order of
// its specification.
func (w *wiring) forwards() []store.Resource {
	var out []store.Resource
	for i := range w.connections().published {
		out = append(out, store.Resource{Kind: store.Forward, ID: fmt.Sprintf("%s-p%d", w.machineID(), i), Owner: w.owner()})
	}
	return out
}

// claimed are the forwards that may be on the host.
func (w *wiring) claimed() []store.Resource {
	if on := w.connections(); !on.assigned || !publishedByHost(on.interfaces) {
		return nil
	}
	return w.forwards()
}

// publishedByHost reports whether the ports of a machine with these interfaces are
// published on the compute host; those of a first network in user mode are on the
// card.
func publishedByHost(list []cardplane.Interface) bool {
	return len(list) > 0 && list[0].Mode != cardplane.UserMode
}

// forwardWanted reports whether a machine in use has the published port r.
func (s *Service) forwardWanted(r store.Resource) bool {
	for _, e := range s.all() {
		rec := e.record()
		if rec.Container.State.Active() && strings.HasPrefix(r.ID, rec.Container.SandboxID+"-p") {
			return true
		}
	}
	return false
}

// addressOf returns the interface's first address of a family.
func addressOf(i cardplane.Interface, six bool) (netip.Addr, bool) {
	for _, a := range addressesOf(i) {
		if a.Is6() == six {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// addressesOf are the interface's addresses.
func addressesOf(i cardplane.Interface) (list []netip.Addr) {
	for _, p := range parsePrefixes(i.Addresses) {
		list = append(list, p.Addr())
	}
	return list
}
