package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// NetworkToAPI returns the API's form of a network.
func NetworkToAPI(n cardplane.Network) cardapi.Network {
	return cardapi.Network{
		Id: n.ID, Name: n.Name, Subnets: each(n.Subnets, subnetToAPI), Mtu: n.MTU,
		Internal: n.Internal, Isolated: n.Isolated, Labels: optionalMap(n.Labels), CreatedAt: n.CreatedAt,
	}
}

// NetworkFromAPI returns the domain's form of a network.
func NetworkFromAPI(n cardapi.Network) cardplane.Network {
	return cardplane.Network{
		ID: n.Id, Name: n.Name, Subnets: each(n.Subnets, subnetFromAPI), MTU: n.Mtu,
		Internal: n.Internal, Isolated: n.Isolated, Labels: value(n.Labels), CreatedAt: n.CreatedAt,
	}
}

func subnetToAPI(s cardplane.Subnet) cardapi.Subnet {
	return cardapi.Subnet{Prefix: s.Prefix, Gateway: optional(s.Gateway)}
}

func subnetFromAPI(s cardapi.Subnet) cardplane.Subnet {
	return cardplane.Subnet{Prefix: s.Prefix, Gateway: value(s.Gateway)}
}

// NetworkSpecToAPI returns the API's form of a request for a network.
func NetworkSpecToAPI(s cardplane.NetworkSpec) cardapi.NetworkSpec {
	return cardapi.NetworkSpec{
		Name: optional(s.Name), Subnets: optionalEach(s.Subnets, subnetToAPI), Ipv6: optional(s.IPv6), Mtu: optional(s.MTU),
		Internal: optional(s.Internal), Isolated: optional(s.Isolated), Labels: optionalMap(s.Labels),
	}
}

// NetworkSpecFromAPI returns the domain's form of a request for a network.
func NetworkSpecFromAPI(s cardapi.NetworkSpec) cardplane.NetworkSpec {
	return cardplane.NetworkSpec{
		Name: value(s.Name), Subnets: eachOf(s.Subnets, subnetFromAPI), IPv6: value(s.Ipv6), MTU: value(s.Mtu),
		Internal: value(s.Internal), Isolated: value(s.Isolated), Labels: value(s.Labels),
	}
}

// NetworkPruneToAPI returns the API's request to prune networks.
func NetworkPruneToAPI(f cardplane.PruneFilter) cardapi.NetworkPrune {
	return cardapi.NetworkPrune{Labels: optionalSlice(f.Labels), Until: optionalTime(f.Until)}
}

// NetworkPruneFromAPI returns the domain's form of a request to prune networks.
func NetworkPruneFromAPI(r cardapi.NetworkPrune) cardplane.PruneFilter {
	return cardplane.PruneFilter{Labels: value(r.Labels), Until: value(r.Until)}
}

// NICOptionsToAPI returns the API's form of an interface but for its network.
func NICOptionsToAPI(n cardplane.NIC) cardapi.NicOptions {
	return cardapi.NicOptions{
		Aliases: optionalSlice(n.Aliases), Addresses: optionalSlice(n.Addresses), Mac: optional(n.MAC),
		ReceiveBytesPerSecond: optional(n.Limits.Receive), SendBytesPerSecond: optional(n.Limits.Send),
	}
}

// NICFromAPI returns the domain's form of an interface on a network.
func NICFromAPI(network string, n cardapi.NicOptions) cardplane.NIC {
	return cardplane.NIC{
		Network: network, Aliases: value(n.Aliases), Addresses: value(n.Addresses), MAC: value(n.Mac),
		Limits: cardplane.NICLimits{Receive: value(n.ReceiveBytesPerSecond), Send: value(n.SendBytesPerSecond)},
	}
}

// nicsToAPI keeps an empty list, which is not none.
func nicsToAPI(list []cardplane.NIC) *[]cardapi.Nic {
	if list == nil {
		return nil
	}
	out := each(list, func(n cardplane.NIC) cardapi.Nic {
		o := NICOptionsToAPI(n)
		return cardapi.Nic{
			Network: n.Network, Aliases: o.Aliases, Addresses: o.Addresses, Mac: o.Mac,
			ReceiveBytesPerSecond: o.ReceiveBytesPerSecond, SendBytesPerSecond: o.SendBytesPerSecond,
		}
	})
	return &out
}

func nicsFromAPI(list *[]cardapi.Nic) []cardplane.NIC {
	if list == nil {
		return nil
	}
	return append([]cardplane.NIC{}, each(*list, func(n cardapi.Nic) cardplane.NIC {
		return NICFromAPI(n.Network, cardapi.NicOptions{
			Aliases: n.Aliases, Addresses: n.Addresses, Mac: n.Mac,
			ReceiveBytesPerSecond: n.ReceiveBytesPerSecond, SendBytesPerSecond: n.SendBytesPerSecond,
		})
	})...)
}

func portToAPI(p cardplane.Port) cardapi.PublishedPort {
	return cardapi.PublishedPort{
		HostAddress: optional(p.HostAddress), HostPort: optional(p.HostPort), ContainerPort: p.ContainerPort,
		Protocol: optional(cardapi.PublishedPortProtocol(p.Protocol)),
	}
}

func portFromAPI(p cardapi.PublishedPort) cardplane.Port {
	return cardplane.Port{
		HostAddress: value(p.HostAddress), HostPort: value(p.HostPort), ContainerPort: p.ContainerPort,
		Protocol: cardplane.Protocol(value(p.Protocol)),
	}
}

func interfaceToAPI(i cardplane.Interface) cardapi.Interface {
	return cardapi.Interface{
		Network: i.Network, NetworkId: i.NetworkID, Name: i.Name, Mac: i.MAC, Addresses: list(i.Addresses), Gateways: list(i.Gateways),
		Aliases: optionalSlice(i.Aliases), Mtu: i.MTU, Mode: cardapi.NetworkMode(i.Mode.Or()),
		ReceiveBytesPerSecond: optional(i.Limits.Receive), SendBytesPerSecond: optional(i.Limits.Send),
	}
}

func interfaceFromAPI(i cardapi.Interface) cardplane.Interface {
	return cardplane.Interface{
		Network: i.Network, NetworkID: i.NetworkId, Name: i.Name, MAC: i.Mac, Addresses: i.Addresses, Gateways: i.Gateways,
		Aliases: value(i.Aliases), MTU: i.Mtu, Mode: cardplane.NetworkMode(i.Mode),
		Limits: cardplane.NICLimits{Receive: value(i.ReceiveBytesPerSecond), Send: value(i.SendBytesPerSecond)},
	}
}
