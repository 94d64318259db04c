package cardplanetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// networkService is a Memory seen as a cardplane.NetworkService. Nothing passes
// its networks.
type networkService Memory

var _ cardplane.NetworkService = (*networkService)(nil)

// Networks returns the network service.
func (m *Memory) Networks() cardplane.NetworkService { return (*networkService)(m) }

func (s *networkService) memory() *Memory { return (*Memory)(s) }

func (s *networkService) Create(_ context.Context, spec cardplane.NetworkSpec, key string) (cardplane.Network, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	if made, err := answered[cardplane.Network](m, "network/"+key, spec); made != nil || err != nil {
		if made == nil {
			made = new(cardplane.Network)
		}
		return *made, err
	}
	made, err := m.createNetworkLocked(spec)
	if err == nil {
		m.rememberLocked("network/"+key, spec, made)
	}
	return made, err
}

func (m *Memory) createNetworkLocked(spec cardplane.NetworkSpec) (cardplane.Network, error) {
	if _, err := m.networkLocked(spec.Name); err == nil {
		return cardplane.Network{}, apierr.New(apierr.AlreadyExists, "network_exists", "the network %q exists", spec.Name).At("/name")
	}
	n := cardplane.Network{
		ID: newID(16), Name: cmp.Or(spec.Name, newID(8)), Subnets: slices.Clone(spec.Subnets), MTU: cmp.Or(spec.MTU, cardplane.DefaultMTU),
		Internal: spec.Internal, Isolated: spec.Isolated, Labels: spec.Labels, CreatedAt: m.nowLocked(),
	}
	if len(n.Subnets) == 0 {
		m.subnets++
		n.Subnets = []cardplane.Subnet{{Prefix: fmt.Sprintf("10.88.%d.0/24", m.subnets), Gateway: fmt.Sprintf("10.88.%d.1", m.subnets)}}
	}
	for _, other := range m.networks {
		for _, subnet := range other.Subnets {
			if slices.ContainsFunc(n.Subnets, func(mine cardplane.Subnet) bool { return mine.Prefix == subnet.Prefix }) {
				return cardplane.Network{}, apierr.New(apierr.FailedPrecondition, "subnet_overlaps", "it overlaps the network %q", other.Name).At("/subnets/0/prefix")
			}
		}
	}
	m.networks = append(m.networks, n)
	m.eventLocked(cardplane.NetworkCreated, n.ID, n.Name, nil)
	return n, nil
}

func (m *Memory) networkLocked(ref string) (cardplane.Network, error) {
	i := slices.IndexFunc(m.networks, func(n cardplane.Network) bool { return n.Name == ref || n.ID == ref })
	if i < 0 {
		return cardplane.Network{}, apierr.New(apierr.NotFound, "network_not_found", "there is no network %q", ref)
	}
	return m.networks[i], nil
}

func (s *networkService) Get(_ context.Context, ref string) (cardplane.Network, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.networkLocked(ref)
}

func (s *networkService) List(_ context.Context, filter cardplane.NetworkFilter) ([]cardplane.Network, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []cardplane.Network
	for _, n := range m.networks {
		if filter.Match(n) {
			out = append(out, n)
		}
	}
	return out, nil
}

func (s *networkService) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.NetworkFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	for _, n := range all {
		if !filter.Until.IsZero() && !n.CreatedAt.Before(filter.Until) {
			continue
		}
		err := s.Remove(ctx, n.ID)
		if apierr.Is(err, "network_in_use") {
			continue
		}
		if err != nil {
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, n.Name)
	}
	return pruned, nil
}

func (s *networkService) Remove(_ context.Context, ref string) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.networkLocked(ref)
	if err != nil {
		return err
	}
	for _, c := range m.containers {
		names := slices.ContainsFunc(c.Spec.Networks, func(nic cardplane.NIC) bool { return nic.Network == n.Name })
		on := c.State.Active() && slices.ContainsFunc(c.Interfaces, func(i cardplane.Interface) bool { return i.Network == n.Name })
		if names || on {
			return apierr.New(apierr.FailedPrecondition, "network_in_use", "the network %q is that of container %s", n.Name, c.Name)
		}
	}
	for _, b := range m.sandboxes {
		if slices.ContainsFunc(b.Networks, func(nic cardplane.NIC) bool { return nic.Network == n.Name }) {
			return apierr.New(apierr.FailedPrecondition, "network_in_use", "the network %q is that of sandbox %s", n.Name, b.Name)
		}
	}
	m.networks = slices.DeleteFunc(m.networks, func(other cardplane.Network) bool { return other.ID == n.ID })
	m.eventLocked(cardplane.NetworkRemoved, n.ID, n.Name, nil)
	return nil
}

// checkNetworksLocked refuses networks that do not exist.
func (m *Memory) checkNetworksLocked(nics []cardplane.NIC, ports []cardplane.Port) error {
	for i, nic := range nics {
		if _, err := m.networkLocked(nic.Network); err != nil && nic.Network != cardplane.DefaultNetwork {
			return apierr.From(err).At(fmt.Sprintf("/networks/%d/network", i))
		}
	}
	if nics != nil && len(nics) == 0 && len(ports) > 0 {
		return apierr.New(apierr.InvalidArgument, "ports_without_network", "it has no network").At("/ports")
	}
	return nil
}

// openNetworksLocked gives a container that is started its interfaces and ports.
// One in a sandbox has none of its own.
func (m *Memory) openNetworksLocked(c *container) (err error) {
	c.Interfaces, c.Ports = nil, nil
	if b := m.boxOfLocked(c); b != nil {
		if len(b.Interfaces) == 0 {
			b.Interfaces, b.Published, err = m.networkedLocked(b.Networks, b.Ports)
		}
		return err
	}
	c.Interfaces, c.Ports, err = m.networkedLocked(c.Spec.Networks, c.Spec.Ports)
	return err
}

// networkedLocked are the interfaces and ports of a machine that is to have them.
func (m *Memory) networkedLocked(nics []cardplane.NIC, ports []cardplane.Port) (interfaces []cardplane.Interface, published []cardplane.Port, err error) {
	if nics == nil {
		nics = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	for _, nic := range nics {
		if interfaces, err = m.connectLocked(interfaces, nic); err != nil {
			return nil, nil, err
		}
	}
	for i, p := range ports {
		if p.HostPort == 0 {
			p.HostPort = 49152 + i
		}
		p.Protocol = cmp.Or(p.Protocol, cardplane.TCP)
		published = append(published, p)
	}
	return interfaces, published, nil
}

// connectLocked returns interfaces with one more.
func (m *Memory) connectLocked(list []cardplane.Interface, nic cardplane.NIC) ([]cardplane.Interface, error) {
	n, err := m.networkLocked(nic.Network)
	if err != nil && nic.Network == cardplane.DefaultNetwork {
		n, err = m.createNetworkLocked(cardplane.NetworkSpec{Name: nic.Network})
	}
	if err != nil {
		return nil, err
	}
	m.hosts++
	return append(list, cardplane.Interface{
		Network: n.Name, NetworkID: n.ID, Name: fmt.Sprintf("eth%d", len(list)), MAC: fmt.Sprintf("02:63:00:00:00:%02x", m.hosts%256),
		Addresses: []string{fmt.Sprintf("10.88.0.%d/24", 2+m.hosts%250)}, Gateways: []string{n.Subnets[0].Gateway},
		Aliases: nic.Aliases, Limits: nic.Limits, MTU: n.MTU, Mode: cardplane.HostMode,
	}), nil
}

// Connect implements cardplane.NICService.
func (s *containerService) Connect(_ context.Context, ref string, nic cardplane.NIC) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	if _, err := m.networkLocked(nic.Network); err != nil {
		return cardplane.Container{}, err
	}
	if c.Spec.Sandbox != "" {
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "option_of_sandbox", "container %s has the networks of its sandbox", c.Name)
	}
	list := c.Spec.Networks
	if list == nil {
		list = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	if slices.ContainsFunc(list, func(n cardplane.NIC) bool { return n.Network == nic.Network }) {
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "network_connected", "container %s is on it already", c.Name)
	}
	c.Spec.Networks = append(slices.Clone(list), nic)
	if c.State.Active() {
		c.Interfaces, err = m.connectLocked(c.Interfaces, nic)
	}
	m.eventLocked(cardplane.NetworkConnected, c.ID, c.Name, map[string]string{"network": nic.Network})
	return c.WithRevision(), err
}

// Disconnect implements cardplane.NICService.
func (s *containerService) Disconnect(_ context.Context, ref, network string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	list := c.Spec.Networks
	if list == nil {
		list = []cardplane.NIC{{Network: cardplane.DefaultNetwork}}
	}
	at := slices.IndexFunc(list, func(n cardplane.NIC) bool { return n.Network == network })
	switch {
	case at < 0:
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "network_not_connected", "container %s is not on it", c.Name)
	case at == 0 && len(c.Spec.Ports) > 0:
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "ports_published", "its ports lead over it")
	}
	c.Spec.Networks = slices.Delete(slices.Clone(list), at, at+1)
	c.Interfaces = slices.DeleteFunc(slices.Clone(c.Interfaces), func(i cardplane.Interface) bool { return i.Network == network })
	m.eventLocked(cardplane.NetworkDisconnected, c.ID, c.Name, map[string]string{"network": network})
	return c.WithRevision(), nil
}
