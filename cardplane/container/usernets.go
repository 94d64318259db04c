package container

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/usernet"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// usernets are the networks in user mode, each for as long as a machine is on
// it. They are nobody's but this process's: the next one opens them again, as
// the records of the machines say.
type usernets struct {
	svc *Service

	mu   sync.Mutex
	open map[string]*userNetwork // by id
}

// userNetwork is one that runs, and how many are on it.
type userNetwork struct {
	*usernet.Network
	plugs int
}

func newUsernets(s *Service) *usernets {
	return &usernets{svc: s, open: make(map[string]*userNetwork)}
}

// userPlug is a machine's interface on a network in user mode.
type userPlug struct {
	*usernet.Port
	network *userNetwork
	leave   func()
}

// join puts an interface on its network, which is opened for the first one.
func (u *usernets) join(ctx context.Context, i cardplane.Interface) (*userPlug, error) {
	n, err := u.svc.networks.Get(ctx, i.NetworkID)
	if err != nil {
		return nil, err
	}
	mac, err := net.ParseMAC(i.MAC)
	if err != nil {
		return nil, err
	}
	nic := usernet.NIC{MAC: mac, Receive: i.Limits.Receive, Send: i.Limits.Send, Addresses: addressesOf(i)}
	u.mu.Lock()
	defer u.mu.Unlock()
	on := u.open[n.ID]
	if on == nil {
		if on, err = u.openLocked(n); err != nil {
			return nil, err
		}
	}
	port, err := on.Join(nic)
	if err != nil {
		u.closeUnusedLocked(n.ID)
		return nil, err
	}
	on.plugs++
	var once sync.Once
	return &userPlug{Port: port, network: on, leave: func() { once.Do(func() { u.leave(n.ID, port) }) }}, nil
}

// userMTU is the MTU of n in user mode.
func userMTU(n cardplane.Network) int {
	if n.MTU == cardplane.DefaultMTU {
		return cardplane.UserMTU
	}
	return min(n.MTU, guestwire.MaxStreamMTU)
}

func (u *usernets) openLocked(n cardplane.Network) (*userNetwork, error) {
	cfg := usernet.Config{
		MTU: userMTU(n), Internal: n.Internal, Isolated: n.Isolated, Blocked: u.blocked,
		Dial: u.svc.cfg.DialOutside, Log: u.svc.log.WithField("network", n.Name),
	}
	for _, subnet := range n.Subnets {
		p, gate, err := parseSubnet(subnet)
		if err != nil {
			return nil, err
		}
		cfg.Subnets = append(cfg.Subnets, usernet.Subnet{Prefix: p, Gateway: gate})
	}
	opened, err := usernet.Open(cfg)
	if err != nil {
		return nil, err
	}
	on := &userNetwork{Network: opened}
	u.open[n.ID] = on
	return on, nil
}

func (u *usernets) leave(id string, port *usernet.Port) {
	u.mu.Lock()
	defer u.mu.Unlock()
	port.Leave()
	u.open[id].plugs--
	u.closeUnusedLocked(id)
}

func (u *usernets) closeUnusedLocked(id string) {
	if on := u.open[id]; on.plugs == 0 {
		on.Close()
		delete(u.open, id)
	}
}

// blocked are what guests do not reach: the card, where it is reached by others
// and where it may be told not to lead, and other networks.
func (u *usernets) blocked() []netip.Prefix {
	list := ownAddresses()
	if u.svc.cfg.CardAddresses != nil {
		list = append(list, parsePrefixes(u.svc.cfg.CardAddresses())...)
	}
	if u.svc.cfg.HostAddresses != nil {
		list = append(list, parsePrefixes(u.svc.cfg.HostAddresses())...)
	}
	all, _ := u.svc.networks.List(u.svc.ctx, cardplane.NetworkFilter{}) // never fails
	for _, n := range all {
		for _, subnet := range n.Subnets {
			list = append(list, parsePrefixes([]string{subnet.Prefix})...)
		}
	}
	return list
}

// ownAddresses are those of this machine. Where they cannot be told, nothing is
// reached.
func ownAddresses() []netip.Prefix {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	}
	var list []netip.Prefix
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, netip.PrefixFrom(p.Addr().Unmap(), p.Addr().Unmap().BitLen()))
		}
	}
	return list
}

func parsePrefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil { // they are of our making
			out = append(out, p)
		}
	}
	return out
}

// modeOfHost returns the mode of a network that nobody is on. Errors:
// network_unavailable.
func (s *Service) modeOfHost(ctx context.Context) (mode cardplane.NetworkMode, reason string, err error) {
	reason, err = s.noNetworks(ctx)
	switch {
	case err != nil:
		return "", "", err
	case reason == "":
		return cardplane.HostMode, "", nil
	case !s.cfg.UserNetworks:
		return "", reason, networkUnavailable(reason)
	}
	return cardplane.UserMode, reason, nil
}

// modeOf returns the mode of a network: that in which it is used, or else what
// the host makes possible. The network is locked, and no entry.
func (s *Service) modeOf(ctx context.Context, network string) (cardplane.NetworkMode, error) {
	if on := s.interfacesOn(network); len(on) > 0 {
		return on[0].Mode.Or(), nil
	}
	mode, _, err := s.modeOfHost(ctx)
	return mode, err
}

// interfacesOn are the interfaces of all machines on a network.
func (s *Service) interfacesOn(network string) (list []cardplane.Interface) {
	add := func(of []cardplane.Interface) {
		for _, i := range of {
			if i.NetworkID == network {
				list = append(list, i)
			}
		}
	}
	for _, e := range s.all() {
		if c := e.record().Container; c.State.Active() {
			add(c.Interfaces)
			if b := s.boxes.named(c.Spec.Sandbox); b != nil {
				add(b.interfacesOn(c.SandboxID))
			}
		}
	}
	return list
}

// portTarget returns where a published port leads on an interface: an address of
// the family that it listens at.
func portTarget(p cardplane.Port, i cardplane.Interface) (netip.Addr, error) {
	six := false
	if p.HostAddress != "" {
		a, err := netip.ParseAddr(p.HostAddress)
		if err != nil {
			return a, err
		}
		six = a.Is6()
	}
	to, ok := addressOf(i, six)
	if !ok && p.HostAddress == "" { // a network of IPv6 alone
		to, ok = addressOf(i, true)
	}
	if !ok {
		return to, apierr.New(apierr.InvalidArgument, "port_family",
			"the network %q has no address of the same family as %s; publish on another address", i.Network, p.HostAddress)
	}
	return to, nil
}
