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

// assignNetworks gives the run its interfaces and their addresses, and claims
// what the host will make for them, in one transaction. It does so once for each
// run.
func (r *run) assignNetworks() error {
	rec := r.e.record()
	if rec.Run.Networked {
		return nil
	}
	nics, reason, err := r.svc.nicsOf(r.ctx, rec.Container.Spec)
	if err != nil {
		return err
	}
	a, err := r.svc.assign(r.ctx, rec.Container, nics)
	if err != nil {
		return err
	}
	defer a.unlock()
	err = r.e.update(func(rec *store.Record) {
		rec.Container.Interfaces, rec.Container.NetworkReason = a.interfaces, reason
		rec.Run.Networked = true
	}, append(a.changes, r.svc.claimForwards(rec.Container, len(nics) > 0)...)...)
	if err == nil {
		r.svc.zones.announce()
	}
	return err
}

// nicsOf returns the interfaces that a container is to have, and why there are
// none although it asked for none such.
func (s *Service) nicsOf(ctx context.Context, spec cardplane.ContainerSpec) (nics []cardplane.NIC, reason string, err error) {
	if spec.Sandbox != "" || spec.Networks != nil && len(spec.Networks) == 0 {
		return nil, "", nil
	}
	reason, err = s.noNetworks(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case reason != "" && len(spec.Networks) > 0:
		return nil, "", networkUnavailable(reason).At("/networks")
	case reason != "" && len(spec.Ports) > 0:
		return nil, "", networkUnavailable(reason).At("/ports")
	case reason != "":
		return nil, "the compute host cannot make networks: " + reason, nil
	}
	nics = spec.Networks
	if nics == nil {
		nics = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	if slices.ContainsFunc(nics, func(n cardplane.NIC) bool { return n.Network == cardplane.DefaultNetwork }) {
		err = s.makeDefault(ctx)
	}
	return nics, "", err
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

// assignment is what a container is about to get.
type assignment struct {
	interfaces []cardplane.Interface
	changes    []store.Change
	unlock     func()
}

// assign chooses the interfaces of a container. Until unlock nobody else gets
// addresses of their networks.
func (s *Service) assign(ctx context.Context, c cardplane.Container, nics []cardplane.NIC) (a assignment, err error) {
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
		if err := s.assignOne(&a, fmt.Sprintf("/networks/%d", i), found[i], nic, c); err != nil {
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

func (s *Service) assignOne(a *assignment, field string, n cardplane.Network, nic cardplane.NIC, c cardplane.Container) error {
	users, err := s.cfg.Store.Addresses(n.ID)
	if err != nil {
		return err
	}
	i, given, err := network.Interface(field, n, nic, users, c.ID)
	if err != nil {
		return err
	}
	i.Name = freeName(slices.Concat(c.Interfaces, a.interfaces))
	a.interfaces = append(a.interfaces, i)
	a.changes = append(a.changes, store.Claim(s.hostNetwork(n.ID)))
	for _, addr := range given {
		a.changes = append(a.changes, store.LeaseAddress(n, addr, c.ID))
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

// forwards are the published ports of the container's run on the host, in the
// order of its specification.
func (s *Service) forwards(c cardplane.Container) []store.Resource {
	var out []store.Resource
	for i := range c.Spec.Ports {
		out = append(out, store.Resource{Kind: store.Forward, ID: fmt.Sprintf("%s-p%d", c.SandboxID, i), Owner: c.ID})
	}
	return out
}

func (s *Service) claimForwards(c cardplane.Container, networked bool) []store.Change {
	var claims []store.Change
	for _, r := range s.forwards(c) {
		if networked {
			claims = append(claims, store.Claim(r))
		}
	}
	return claims
}

// forwardWanted reports whether a run has the published port r.
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
	for _, text := range i.Addresses {
		if p, err := netip.ParsePrefix(text); err == nil && p.Addr().Is6() == six {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}
