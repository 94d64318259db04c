package container

import (
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// shortID is how many digits of its id are a name of a container.
const shortID = 12

// guestNetwork is what a guest with these interfaces is told of its networks.
func (s *Service) guestNetwork(interfaces []cardplane.Interface) guestapi.Network {
	config := guestapi.Network{Interfaces: []guestapi.Interface{}, Resolver: guestapi.Resolver{Names: map[string][]string{}}}
	for _, i := range interfaces {
		n, err := s.networks.Get(s.ctx, i.NetworkID)
		out := err == nil && !n.Internal
		config.Interfaces = append(config.Interfaces, guestInterface(i, out && !config.Resolver.Forward))
		config.Resolver.Forward = config.Resolver.Forward || out
		s.addNames(config.Resolver.Names, i.NetworkID)
	}
	for name, list := range config.Resolver.Names {
		slices.Sort(list) // so that the same names are the same
		config.Resolver.Names[name] = slices.Compact(list)
	}
	return config
}

// guestInterface is an interface for the guest. leads tells that it is the way
// to all that is not near.
func guestInterface(i cardplane.Interface, leads bool) guestapi.Interface {
	out := guestapi.Interface{Name: i.Name, Mac: i.MAC, Mtu: i.MTU, Addresses: i.Addresses, Routes: []guestapi.Route{}}
	if i.Mode == cardplane.UserMode {
		out.Frames = guestapi.FramesOverStream
	}
	for _, gate := range i.Gateways {
		to := "0.0.0.0/0"
		if strings.Contains(gate, ":") {
			to = "::/0"
		}
		if leads {
			out.Routes = append(out.Routes, guestapi.Route{To: to, Via: gate})
		}
	}
	return out
}

// addNames adds the names of all that run on a network.
func (s *Service) addNames(names map[string][]string, network string) {
	for _, e := range s.all() {
		c := e.record().Container
		if !c.State.Active() {
			continue
		}
		interfaces := c.Interfaces
		if b := s.boxes.named(c.Spec.Sandbox); b != nil {
			interfaces = b.interfacesOn(c.SandboxID)
			addNamesOn(names, network, interfaces, c.Spec.Sandbox, b.id)
		}
		addNamesOn(names, network, interfaces, c.Name, c.ID)
	}
}

// addNamesOn adds the names of a container or sandbox, if it is on the network.
func addNamesOn(names map[string][]string, network string, interfaces []cardplane.Interface, name, id string) {
	for _, i := range interfaces {
		if i.NetworkID != network {
			continue
		}
		for _, name := range append([]string{name, id[:min(len(id), shortID)]}, i.Aliases...) {
			addName(names, name, i)
		}
	}
}

// addName adds a name, alone and below the network's.
func addName(names map[string][]string, name string, i cardplane.Interface) {
	name = strings.ToLower(name)
	for _, full := range []string{name, name + "." + strings.ToLower(i.Network)} {
		for _, a := range addressesOf(i) {
			names[full] = append(names[full], a.String())
		}
	}
}
