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
	for _, i := range on.interfaces {
		if err := w.svc.putNetwork(ctx, i.NetworkID); err != nil {
			return err
		}
	}
	if len(on.interfaces) == 0 {
		return nil
	}
	var ports []cardplane.Port
	for i, res := range w.forwards() {
		port, err := w.svc.putForward(ctx, res.ID, on.published[i], on.interfaces[0])
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
		p, err := netip.ParsePrefix(subnet.Prefix)
		if err != nil {
			return spec, err
		}
		gate, err := netip.ParseAddr(subnet.Gateway)
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

// putForward publishes a port, and returns it with the host's port.
func (s *Service) putForward(ctx context.Context, id string, p cardplane.Port, i cardplane.Interface) (cardplane.Port, error) {
	six := false
	if p.HostAddress != "" {
		a, err := netip.ParseAddr(p.HostAddress)
		if err != nil {
			return p, err
		}
		six = a.Is6()
	}
	to, ok := addressOf(i, six)
	if !ok && p.HostAddress == "" { // a network of IPv6 alone
		to, ok = addressOf(i, true)
	}
	if !ok {
		return p, apierr.New(apierr.InvalidArgument, "port_family",
			"the network %q has no address of the same family as %s; publish on another address", i.Network, p.HostAddress)
	}
	made, err := s.cfg.Sandboxes.Host().PutForward(ctx, id, hostapi.ForwardSpec{
		Protocol: hostapi.Protocol(p.Protocol), HostAddress: p.HostAddress, HostPort: p.HostPort,
		Network: s.hostNetwork(i.NetworkID).ID, Address: to.String(), Port: p.ContainerPort,
	})
	p.HostPort = made.HostPort
	return p, err
}

// hostNICs are the interfaces of a machine for the host.
func (s *Service) hostNICs(list []cardplane.Interface) []hostapi.NamedNIC {
	nics := []hostapi.NamedNIC{}
	for _, i := range list {
		spec := hostapi.NICSpec{Network: s.hostNetwork(i.NetworkID).ID, Mac: i.MAC, Addresses: []hostapi.Address{}}
		for _, text := range i.Addresses {
			if p, err := netip.ParsePrefix(text); err == nil { // it is of our making
				spec.Addresses = append(spec.Addresses, p.Addr().String())
			}
		}
		if i.Limits != (cardplane.NICLimits{}) {
			spec.Limits = &hostapi.NICLimits{RxBytesPerSecond: &i.Limits.Receive, TxBytesPerSecond: &i.Limits.Send}
		}
		nics = append(nics, hostapi.NamedNIC{Name: i.Name, Spec: spec})
	}
	return nics
}
