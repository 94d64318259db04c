package container

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/network"
	"github.com/cardplane/cardplane/cardplane/prune"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// ownerNetwork begins the owner of a network in the ledger; the network's id
// follows.
const ownerNetwork = "net-"

// Networks returns networks as users may see them.
func (s *Service) Networks() cardplane.NetworkService { return &networks{s.networks} }

type networks struct{ *network.Service }

// Prune implements cardplane.NetworkService.
func (n *networks) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := n.List(ctx, cardplane.NetworkFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	list := make([]prune.Object, len(all))
	for i, one := range all {
		list[i] = prune.Object{
			Name: one.Name, CreatedAt: one.CreatedAt,
			Remove: func() error { return n.Remove(ctx, one.ID) },
		}
	}
	return prune.Objects(list, filter.Until, "network_in_use")
}

// tellsNetwork returns what records an event of a network.
func (s *Service) tellsNetwork(t cardplane.EventType, n cardplane.Network) store.Change {
	return s.cfg.Events.Recording(cardplane.Event{Type: t, Subject: n.ID, Name: n.Name, Labels: n.Labels})
}

// hostNetwork is the network of that id on the host.
func (s *Service) hostNetwork(id string) store.Resource {
	owner := ownerNetwork + id
	return store.Resource{Kind: store.Network, ID: s.cfg.Store.ID() + "-" + owner, Owner: owner}
}

// networkID returns the id of the network that r is on the host.
func networkID(r store.Resource) string { return strings.TrimPrefix(r.Owner, ownerNetwork) }

// networkUser returns who names the network: a container's id, or a sandbox's
// as it owns; or "".
func (s *Service) networkUser(name string) string {
	for _, e := range s.all() {
		c := e.snapshot()
		if slices.ContainsFunc(c.Spec.Networks, func(n cardplane.NIC) bool { return n.Network == name }) {
			return c.ID
		}
	}
	for _, b := range s.boxes.all() {
		if slices.ContainsFunc(b.sandbox().Networks, func(n cardplane.NIC) bool { return n.Network == name }) {
			return b.owner()
		}
	}
	return ""
}

// hostUses returns the addresses that the compute host uses itself.
func (s *Service) hostUses(ctx context.Context) ([]network.Used, error) {
	mode, _, err := s.modeOfHost(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.cfg.Sandboxes.Host().Networks(ctx)
	if err != nil {
		return nil, sandbox.Explain(err)
	}
	var used []network.Used
	for _, u := range list.UsedPrefixes {
		p, err := netip.ParsePrefix(u.Prefix)
		if err != nil {
			return nil, fmt.Errorf("the compute host says that it uses %q: %w", u.Prefix, err)
		}
		used = append(used, network.Used{Prefix: p, By: "what the compute host has: " + u.By})
	}
	if mode == cardplane.UserMode {
		used = append(used, cardUses()...)
	}
	return used, nil
}

// cardUses returns the addresses that the card's machine uses itself, where
// networks in user mode are led out.
func cardUses() (used []network.Used) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil // then no way leads out
	}
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			used = append(used, network.Used{Prefix: p.Masked(), By: "what the card's machine has: the address " + p.Addr().String()})
		}
	}
	return used
}

// noNetworks says why the compute host has no networks, "" where it has some.
func (s *Service) noNetworks(ctx context.Context) (string, error) {
	host, err := s.cfg.Sandboxes.HostInfo(ctx)
	if err != nil || host.Networks.Available {
		return "", err
	}
	if host.Networks.Remedy == "" {
		return host.Networks.Reason, nil
	}
	return host.Networks.Reason + "; " + host.Networks.Remedy, nil
}

func networkUnavailable(reason string) *apierr.Error {
	return apierr.New(apierr.FailedPrecondition, "network_unavailable", "the compute host cannot make networks: %s", reason)
}

// staleAddresses takes back the addresses of an owner that none of its
// interfaces has.
func (s *Service) staleAddresses(owner string, interfaces []cardplane.Interface) (gone []store.Change, err error) {
	all, err := s.networks.List(s.ctx, cardplane.NetworkFilter{})
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		users, err := s.cfg.Store.Addresses(n.ID)
		if err != nil {
			return nil, err
		}
		for a, user := range users {
			has := func(i cardplane.Interface) bool {
				return i.NetworkID == n.ID && slices.Contains(addressesOf(i), a)
			}
			if user == owner && !slices.ContainsFunc(interfaces, has) {
				gone = append(gone, store.EndAddress(n.ID, a))
			}
		}
	}
	return gone, nil
}

// lockNetwork keeps all others from giving addresses of a network, and from
// removing it from the host.
func (s *Service) lockNetwork(ctx context.Context, id string) (unlock func(), err error) {
	return s.keys.lock(ctx, "on network/"+id)
}

// releaseNetworks removes from the host the networks of interfaces that are gone,
// as far as nobody else is on them.
func (s *Service) releaseNetworks(list []cardplane.Interface) {
	ctx, cancel := context.WithTimeout(s.ctx, destroyTimeout)
	defer cancel()
	for _, i := range list {
		if i.Mode == cardplane.UserMode {
			continue
		}
		r := s.hostNetwork(i.NetworkID)
		wanted, err := s.networkWanted(r)
		if err == nil && !wanted {
			err = s.cleanNetwork(ctx, r)
		}
		if err != nil {
			s.log.WithError(err).WithField("network", i.Network).Warn("the network is not removed from the compute host yet")
			s.wakeJanitor()
		}
	}
}

// networkWanted reports whether a machine has an address of the network.
func (s *Service) networkWanted(r store.Resource) (bool, error) {
	users, err := s.cfg.Store.Addresses(networkID(r))
	return len(users) > 0, err
}

// cleanNetwork removes a network from the host that nobody is on.
func (s *Service) cleanNetwork(ctx context.Context, r store.Resource) error {
	unlock, err := s.lockNetwork(ctx, networkID(r))
	if err != nil {
		return err
	}
	defer unlock()
	if wanted, err := s.networkWanted(r); wanted || err != nil {
		return err
	}
	if err := s.destroy(ctx, r); err != nil {
		return err
	}
	return s.cfg.Store.Update(store.Release(r))
}
