package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// SandboxToAPI returns the API's form of a sandbox.
func SandboxToAPI(s cardplane.Sandbox) cardapi.Sandbox {
	return cardapi.Sandbox{
		Id: s.ID, Name: s.Name, Labels: optionalMap(s.Labels), Resources: sandboxResourcesToAPI(s.Resources),
		State: cardapi.SandboxState(s.State), CreatedAt: s.CreatedAt,
		Containers: each(s.Containers, func(c cardplane.SandboxContainer) cardapi.SandboxContainer {
			return cardapi.SandboxContainer{Id: c.ID, Name: c.Name, State: cardapi.ContainerState(c.State)}
		}),
		Networks: nicsToAPI(s.Networks), Ports: optionalEach(s.Ports, portToAPI),
		Interfaces: optionalEach(s.Interfaces, interfaceToAPI), PublishedPorts: optionalEach(s.Published, portToAPI),
		NetworkReason: optional(s.NetworkReason),
	}
}

// SandboxFromAPI returns the domain's form of a sandbox.
func SandboxFromAPI(s cardapi.Sandbox) cardplane.Sandbox {
	return cardplane.Sandbox{
		ID: s.Id, Name: s.Name, Labels: value(s.Labels), Resources: sandboxResourcesFromAPI(s.Resources),
		State: cardplane.SandboxState(s.State), CreatedAt: s.CreatedAt,
		Containers: each(s.Containers, func(c cardapi.SandboxContainer) cardplane.SandboxContainer {
			return cardplane.SandboxContainer{ID: c.Id, Name: c.Name, State: cardplane.State(c.State)}
		}),
		Networks: nicsFromAPI(s.Networks), Ports: each(value(s.Ports), portFromAPI),
		Interfaces: each(value(s.Interfaces), interfaceFromAPI), Published: each(value(s.PublishedPorts), portFromAPI),
		NetworkReason: value(s.NetworkReason),
	}
}

func sandboxResourcesToAPI(r cardplane.SandboxResources) cardapi.SandboxResources {
	return cardapi.SandboxResources{
		Vcpus: optional(int32(r.VCPUs)), MemoryBytes: optional(r.MemoryBytes), HugePages: optional(r.HugePages), Cpuset: optional(r.CPUSet),
	}
}

func sandboxResourcesFromAPI(r cardapi.SandboxResources) cardplane.SandboxResources {
	return cardplane.SandboxResources{
		VCPUs: int(value(r.Vcpus)), MemoryBytes: value(r.MemoryBytes), HugePages: value(r.HugePages), CPUSet: value(r.Cpuset),
	}
}

// SandboxSpecToAPI returns the API's form of a request for a sandbox.
func SandboxSpecToAPI(s cardplane.SandboxSpec) cardapi.SandboxSpec {
	out := cardapi.SandboxSpec{
		Name: optional(s.Name), Labels: optionalMap(s.Labels), Networks: nicsToAPI(s.Networks), Ports: optionalEach(s.Ports, portToAPI),
	}
	if s.Resources != (cardplane.SandboxResources{}) {
		resources := sandboxResourcesToAPI(s.Resources)
		out.Resources = &resources
	}
	return out
}

// SandboxSpecFromAPI returns the domain's form of a request for a sandbox.
func SandboxSpecFromAPI(s cardapi.SandboxSpec) cardplane.SandboxSpec {
	return cardplane.SandboxSpec{
		Name: value(s.Name), Labels: value(s.Labels), Resources: sandboxResourcesFromAPI(value(s.Resources)),
		Networks: nicsFromAPI(s.Networks), Ports: each(value(s.Ports), portFromAPI),
	}
}

// SandboxStatesToAPI returns the API's form of states.
func SandboxStatesToAPI(states []cardplane.SandboxState) []cardapi.SandboxState {
	return each(states, func(s cardplane.SandboxState) cardapi.SandboxState { return cardapi.SandboxState(s) })
}

// SandboxStatesFromAPI returns the states that the API names.
func SandboxStatesFromAPI(states []cardapi.SandboxState) []cardplane.SandboxState {
	return each(states, func(s cardapi.SandboxState) cardplane.SandboxState { return cardplane.SandboxState(s) })
}

// SandboxPruneToAPI returns the API's request to prune sandboxes.
func SandboxPruneToAPI(f cardplane.PruneFilter) cardapi.SandboxPrune {
	return cardapi.SandboxPrune{Labels: optionalSlice(f.Labels), Until: optionalTime(f.Until)}
}

// SandboxPruneFromAPI returns the domain's form of a request to prune sandboxes.
func SandboxPruneFromAPI(r cardapi.SandboxPrune) cardplane.PruneFilter {
	return cardplane.PruneFilter{Labels: value(r.Labels), Until: value(r.Until)}
}
