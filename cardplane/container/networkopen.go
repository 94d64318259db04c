package container

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// open makes the machine's networks on the host, and publishes its ports. It may
// be repeated.
func (w *wiring) open(ctx context.Context) error {
	on := w.connections()
	if err := w.user.join(on.interfaces); err != nil {
		return err
	}
	for _, i := range on.interfaces {
		if i.Mode == cardplane.UserMode {
			continue
		}
		if err := w.svc.putNetwork(ctx, i.NetworkID); err != nil {
			return err
		}
	}
	if len(on.interfaces) == 0 {
		return nil
	}
	var ports []cardplane.Port
	for i, res := range w.forwards() {
		port, err := w.publish(ctx, res.ID, on, i)
		if err != nil {
			return apierr.From(sandbox.Explain(err)).At(fmt.Sprintf("/ports/%d", i))
		}
		ports = append(ports, port)
	}
	if slices.Equal(ports, on.ports) {
		return nil
	}
	return w.connect(func(on *connections) { on.ports = ports })
}

// publish publishes the n-th port, over the first network, and returns it with
// the port that it has.
func (w *wiring) publish(ctx context.Context, id string, on connections, n int) (cardplane.Port, error) {
	if publishedByHost(on.interfaces) {
		return w.svc.putForward(ctx, id, on.published[n], on.interfaces[0])
	}
	before := 0
	if n < len(on.ports) {
		before = on.ports[n].HostPort
	}
	return w.user.publish(id, on.published[n], before, on.interfaces[0])
}

// putNetwork makes a network on the host.
func (s *Service) putNetwork(ctx context.Context, id string) error {
	n, err := s.networks.Get(ctx, id)
	if err != nil {
		return err
	}
	spec, err := s.hostSpec(n)
	if err != nil {
		return err
	}
	host := s.hostNetwork(id).ID
	_, err = s.cfg.Sandboxes.Host().PutNetwork(ctx, host, spec)
	if apierr.Is(err, "network_exists") {
		err = s.sameNetwork(ctx, host, spec, err)
	}
	return sandbox.Explain(err)
}

// sameNetwork accepts a network that was made when the card had other addresses
// of its own. It stays until nobody is on it.
func (s *Service) sameNetwork(ctx context.Context, id string, spec hostapi.NetworkSpec, refused error) error {
	list, err := s.cfg.Sandboxes.Host().Networks(ctx)
	if err != nil {
		return err
	}
	for _, n := range list.Networks {
		if n.Id == id && slices.Equal(n.Spec.Addresses, spec.Addresses) {
			return nil
		}
	}
	return refused
}

// hostSpec is a network for the host.
func (s *Service) hostSpec(n cardplane.Network) (hostapi.NetworkSpec, error) {
	spec := hostapi.NetworkSpec{
		Addresses: []hostapi.AddressWithPrefix{}, Mtu: n.MTU, Outbound: hostapi.OutboundMasquerade,
		Isolated: n.Isolated, Blocked: []hostapi.Prefix{},
	}
	if n.Internal {
		spec.Outbound = hostapi.OutboundNone
	}
	for _, subnet := range n.Subnets {
		p, gate, err := parseSubnet(subnet)
		if err != nil {
			return spec, err
		}
		spec.Addresses = append(spec.Addresses, netip.PrefixFrom(gate, p.Bits()).String())
	}
	if s.cfg.CardAddresses != nil && !n.Internal {
		spec.Blocked = append(spec.Blocked, s.cfg.CardAddresses()...)
	}
	return spec, nil
}

func parseSubnet(s cardplane.Subnet) (p netip.Prefix, gateway netip.Addr, err error) {
	if p, err = netip.ParsePrefix(s.Prefix); err == nil {
		gateway, err = netip.ParseAddr(s.Gateway)
	}
	return p, gateway, err
}

// putForward publishes a port, and returns it with the host's port.
func (s *Service) putForward(ctx context.Context, id string, p cardplane.Port, i cardplane.Interface) (cardplane.Port, error) {
	to, err := portTarget(p, i)
	if err != nil {
		return p, err
	}
	made, err := s.cfg.Sandboxes.Host().PutForward(ctx, id, hostapi.ForwardSpec{
		Protocol: hostapi.Protocol(p.Protocol), HostAddress: p.HostAddress, HostPort: p.HostPort,
		Network: s.hostNetwork(i.NetworkID).ID, Address: to.String(), Port: p.ContainerPort,
	})
	p.HostPort = made.HostPort
	return p, err
}

// hostNICs are the interfaces of a machine for the host, which has those in its
// own mode.
func (s *Service) hostNICs(list []cardplane.Interface) []hostapi.NamedNIC {
	nics := []hostapi.NamedNIC{}
	for _, i := range list {
		if i.Mode == cardplane.UserMode {
			continue
		}
		spec := hostapi.NICSpec{Network: s.hostNetwork(i.NetworkID).ID, Mac: i.MAC, Addresses: []hostapi.Address{}}
		for _, a := range addressesOf(i) {
			spec.Addresses = append(spec.Addresses, a.String())
		}
		if i.Limits != (cardplane.NICLimits{}) {
			spec.Limits = &hostapi.NICLimits{RxBytesPerSecond: &i.Limits.Receive, TxBytesPerSecond: &i.Limits.Send}
		}
		nics = append(nics, hostapi.NamedNIC{Name: i.Name, Spec: spec})
	}
	return nics
}
