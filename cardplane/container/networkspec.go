package container

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/network"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const maxPort = 65535

var aliasPattern = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9_])?$`)

// completeNetworks checks networks and ports that are asked for together, and
// returns the ports with their protocols.
func completeNetworks(nics []cardplane.NIC, ports []cardplane.Port) ([]cardplane.Port, error) {
	if n := len(nics); n > cardplane.MaxNICs {
		return nil, invalid("/networks", "too_many_networks", "%d networks are too many; a machine can be on %d", n, cardplane.MaxNICs)
	}
	taken := make(map[string]bool)
	for i, nic := range nics {
		field := fmt.Sprintf("/networks/%d", i)
		if err := checkNIC(field, nic); err != nil {
			return nil, err
		}
		if taken[nic.Network] {
			return nil, invalid(field+"/network", "network_twice", "the network %q is named twice; a machine is on a network once", nic.Network)
		}
		taken[nic.Network] = true
	}
	if len(ports) > 0 && nics != nil && len(nics) == 0 {
		return nil, invalid("/ports", "ports_without_network", "what has no network cannot publish ports; name a network, or reach the container with `cardctl port-forward`")
	}
	return completePorts(ports)
}

// checkNIC checks what can be checked before the network is known.
func checkNIC(field string, nic cardplane.NIC) error {
	if err := network.CheckNIC(field, nic); err != nil {
		return err
	}
	if n := len(nic.Aliases); n > cardplane.MaxAliases {
		return invalid(field+"/aliases", "invalid_alias", "%d aliases are too many; there can be %d", n, cardplane.MaxAliases)
	}
	for _, alias := range nic.Aliases {
		if !aliasPattern.MatchString(alias) {
			return invalid(field+"/aliases", "invalid_alias", "%q is no name on a network; use up to 63 letters, digits, '_', '.' and '-', the first and last no '.' or '-'", alias)
		}
	}
	if nic.Limits.Receive < 0 || nic.Limits.Send < 0 {
		return invalid(field, "invalid_limit", "a limit cannot be negative; 0 is without a limit")
	}
	return nil
}

func completePorts(list []cardplane.Port) ([]cardplane.Port, error) {
	if len(list) > cardplane.MaxPorts {
		return nil, invalid("/ports", "too_many_ports", "%d ports are too many; %d can be published", len(list), cardplane.MaxPorts)
	}
	var out []cardplane.Port
	taken := make(map[cardplane.Port]bool)
	for i, p := range list {
		field := fmt.Sprintf("/ports/%d", i)
		if p.Protocol == "" {
			p.Protocol = cardplane.TCP
		}
		if p.Protocol != cardplane.TCP && p.Protocol != cardplane.UDP {
			return nil, invalid(field+"/protocol", "invalid_port", "the protocol %q is unknown; use tcp or udp", p.Protocol)
		}
		if p.ContainerPort < 1 || p.ContainerPort > maxPort || p.HostPort < 0 || p.HostPort > maxPort {
			return nil, invalid(field, "invalid_port", "%d:%d are no ports; they are 1 to %d", p.HostPort, p.ContainerPort, maxPort)
		}
		if p.HostAddress != "" {
			a, err := netip.ParseAddr(p.HostAddress)
			if err != nil || a.Zone() != "" {
				return nil, invalid(field+"/hostAddress", "invalid_port", "%q is no address; write one of the compute host's, such as 127.0.0.1", p.HostAddress)
			}
			p.HostAddress = a.String()
		}
		held := p
		held.ContainerPort = 0
		if p.HostPort != 0 && taken[held] {
			return nil, invalid(field+"/hostPort", "port_twice", "the port %d is published twice; choose another for one", p.HostPort)
		}
		taken[held] = true
		out = append(out, p)
	}
	return out, nil
}

// confirmNetworks makes sure that networks that are asked for exist. None can be
// removed once that is recorded. The default one is made when it is
// needed.
func (s *Service) confirmNetworks(ctx context.Context, nics []cardplane.NIC) error {
	for i, nic := range nics {
		_, err := s.networks.Get(ctx, nic.Network)
		if err != nil && nic.Network != cardplane.DefaultNetwork {
			return apierr.From(err).At(fmt.Sprintf("/networks/%d/network", i))
		}
	}
	return nil
}
