package network

import (
	"errors"
	"net/netip"
	"reflect"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network/links"
)

// Put makes the network id and returns it. One that exists with the same
// specification is returned as it is, mended where it was not whole. id must
// have been validated. Errors: those of putNetwork in the document.
func (m *Manager) Put(id string, spec hostapi.NetworkSpec) (hostapi.Network, error) {
	spec, err := normalNetwork(spec)
	if err != nil {
		return hostapi.Network{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.networks[id]; ok {
		if !reflect.DeepEqual(old.Spec, spec) {
			return hostapi.Network{}, apierr.New(apierr.AlreadyExists, "network_exists",
				"network %q exists with another specification; delete it or choose another id", id)
		}
		return m.view(old), errors.Join(bridgeOf(old).Ensure(), m.apply())
	}
	if err := m.checkNetwork(id, spec); err != nil {
		return hostapi.Network{}, err
	}
	rec := networkRecord{ID: id, Spec: spec, Bridge: freeName(m.names.bridges, m.knows), CreatedAt: time.Now().UTC()}
	if err := m.make(rec); err != nil {
		return hostapi.Network{}, errors.Join(err, m.unmake(rec))
	}
	return m.view(rec), nil
}

// checkNetwork refuses a new network that this host cannot have.
func (m *Manager) checkNetwork(id string, spec hostapi.NetworkSpec) error {
	if lack := m.Capability(); lack != nil {
		return unavailable(lack)
	}
	for _, p := range gatewaysOf(spec) {
		if p.Addr().Is4() {
			continue
		}
		if lack := IPv6Outbound(); lack != nil && spec.Outbound != hostapi.OutboundNone {
			return apierr.New(apierr.NotSupported, codeIPv6Outbound,
				"%s gives network %q IPv6 with a way out: %s; %s, or leave it out", p, id, lack.Reason, lack.Remedy).At("/addresses")
		}
	}
	return m.checkOverlap(spec)
}

// checkOverlap refuses addresses that another network or the host has.
func (m *Manager) checkOverlap(spec hostapi.NetworkSpec) error {
	used, err := links.ListUsed(m.names.links())
	if err != nil {
		return err
	}
	for id, other := range m.networks {
		for _, p := range gatewaysOf(other.Spec) {
			used = append(used, links.Used{Prefix: p.Masked(), By: "network " + id})
		}
	}
	for _, p := range gatewaysOf(spec) {
		for _, u := range used {
			if u.Prefix.Overlaps(p) {
				return apierr.New(apierr.FailedPrecondition, "address_overlap",
					"%s overlaps %s, which is %s; choose another prefix", p.Masked(), u.Prefix, u.By).At("/addresses")
			}
		}
	}
	return nil
}

// make records the network, and makes it.
func (m *Manager) make(rec networkRecord) error {
	if err := m.cfg.Step(OpRecord); err != nil {
		return err
	}
	if err := m.networkLedger().put(rec.ID, rec); err != nil {
		return err
	}
	m.networks[rec.ID] = rec
	if err := m.cfg.Step(OpLinks); err != nil {
		return err
	}
	if err := bridgeOf(rec).Ensure(); err != nil {
		return err
	}
	return m.apply()
}

// unmake undoes make, or as much as there was of it.
func (m *Manager) unmake(rec networkRecord) error {
	if err := links.Remove(rec.Bridge); err != nil {
		return err
	}
	delete(m.networks, rec.ID)
	if err := m.apply(); err != nil {
		m.networks[rec.ID] = rec
		return err
	}
	if err := m.cfg.Step(OpForget); err != nil {
		return err
	}
	return m.networkLedger().remove(rec.ID)
}

// Get returns a network. Errors: network_not_found.
func (m *Manager) Get(id string) (hostapi.Network, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, err := m.find(id)
	if err != nil {
		return hostapi.Network{}, err
	}
	return m.view(rec), nil
}

// List returns all networks, ordered by id, and what of the host no network
// may overlap.
func (m *Manager) List() (hostapi.NetworkList, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := hostapi.NetworkList{Networks: []hostapi.Network{}, UsedPrefixes: []hostapi.UsedPrefix{}}
	used, err := links.ListUsed(m.names.links())
	if err != nil {
		return list, err
	}
	for _, rec := range sorted(m.networks, func(r networkRecord) string { return r.ID }) {
		list.Networks = append(list.Networks, m.view(rec))
	}
	for _, u := range used {
		list.UsedPrefixes = append(list.UsedPrefixes, hostapi.UsedPrefix{Prefix: u.Prefix.String(), By: u.By})
	}
	return list, nil
}

// Delete removes a network. One that does not exist is removed. Errors:
// network_in_use.
func (m *Manager) Delete(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.networks[id]
	if !ok {
		// What a removal that was cut short has left of it.
		return m.networkLedger().remove(id)
	}
	for _, n := range m.nics {
		if n.Spec.Network == id {
			return apierr.New(apierr.FailedPrecondition, "network_in_use",
				"VM %q has interface %q on network %q; remove that first", n.VM, n.Name, id)
		}
	}
	for _, f := range m.forwards {
		if f.Spec.Network == id {
			return apierr.New(apierr.FailedPrecondition, "network_in_use",
				"forward %q leads into network %q; remove that first", f.ID, id)
		}
	}
	return m.unmake(rec)
}

// find returns a network's record. m.mu is held.
func (m *Manager) find(id string) (networkRecord, error) {
	rec, ok := m.networks[id]
	if !ok {
		return rec, apierr.New(apierr.NotFound, "network_not_found", "network %q does not exist on this host; make it first", id)
	}
	return rec, nil
}

// view returns the network as the document describes it.
func (m *Manager) view(rec networkRecord) hostapi.Network {
	out := hostapi.Network{Id: rec.ID, Spec: rec.Spec, Interface: rec.Bridge, CreatedAt: rec.CreatedAt}
	for _, n := range m.nics {
		if n.Spec.Network == rec.ID {
			out.Nics++
		}
	}
	return out
}

// checkInside refuses an address that is none for a VM of the network.
func (rec networkRecord) checkInside(a netip.Addr) error {
	gateways := gatewaysOf(rec.Spec)
	for _, p := range gateways {
		if p.Addr() == a {
			return apierr.New(apierr.FailedPrecondition, "address_taken",
				"address %s is network %q's own; choose another", a, rec.ID).At("/addresses")
		}
		if p.Contains(a) && a != p.Masked().Addr() && a != broadcast(p) {
			return nil
		}
	}
	if len(gateways) == 0 {
		return nil
	}
	return apierr.New(apierr.InvalidArgument, "address_outside_network",
		"address %s is none for VMs of network %q, which consists of %v; choose one within", a, rec.ID, rec.Spec.Addresses).At("/addresses")
}

// broadcast returns the address of all in an IPv4 prefix, and the zero Addr
// for IPv6, which has none.
func broadcast(p netip.Prefix) netip.Addr {
	if p.Addr().Is6() {
		return netip.Addr{}
	}
	last := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(last)
}
