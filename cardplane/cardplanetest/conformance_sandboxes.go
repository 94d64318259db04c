package cardplanetest

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// sandboxes is the life of a sandbox as a record.
func (s *suite) sandboxes() {
	name := "sandbox-" + newID(4)
	spec := cardplane.SandboxSpec{Name: name, Labels: map[string]string{"made": name}, Resources: cardplane.SandboxResources{VCPUs: 2}}
	made, err := s.Sandboxes.Create(s.ctx, spec, name)
	s.ok(err)
	again, err := s.Sandboxes.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "sandbox of the same key", again.ID, made.ID)
	_, err = s.Sandboxes.Create(s.ctx, cardplane.SandboxSpec{}, name)
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	equal(s, "resources", made.Resources, cardplane.SandboxResources{VCPUs: 2, MemoryBytes: cardplane.DefaultMemoryBytes})
	for _, ref := range []string{name, made.ID, made.ID[:20]} {
		got, err := s.Sandboxes.Get(s.ctx, ref)
		s.ok(err)
		equal(s, "sandbox", got.ID, made.ID)
	}
	_, err = s.Sandboxes.Create(s.ctx, cardplane.SandboxSpec{Name: name}, "")
	s.fails(err, apierr.AlreadyExists, "sandbox_exists")
	_, err = s.Sandboxes.Get(s.ctx, "nonesuch")
	s.fails(err, apierr.NotFound, "sandbox_not_found")
	for state, want := range map[cardplane.SandboxState]int{cardplane.SandboxIdle: 1, cardplane.SandboxRunning: 0} {
		found, err := s.Sandboxes.List(s.ctx, cardplane.SandboxFilter{
			Labels: []string{"made=" + name}, Names: []string{"sandbox-*"}, States: []cardplane.SandboxState{state},
		})
		s.ok(err)
		equal(s, string(state), len(found), want)
	}
	kept, err := s.Sandboxes.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}, Until: made.CreatedAt})
	s.ok(err)
	equal(s, "pruned before it was made", len(kept.IDs), 0)
	gone, err := s.Sandboxes.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "pruned", strings.Join(gone.IDs, " "), name)
	s.fails(s.Sandboxes.Remove(s.ctx, name, true), apierr.NotFound, "sandbox_not_found")
}

// Containers of a sandbox have one machine, and one that ends leaves the
// others.
func (s *suite) containersInSandbox() {
	name := "sandbox-" + newID(4)
	made, err := s.Sandboxes.Create(s.ctx, cardplane.SandboxSpec{Name: name}, "")
	s.ok(err)
	in := func(spec *cardplane.ContainerSpec) { spec.Sandbox = made.ID }
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{
		Image: s.Image, Command: []string{"true"}, Sandbox: name, Resources: cardplane.Resources{VCPUs: 2},
	}, "")
	s.fails(err, apierr.InvalidArgument, "option_of_sandbox")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Sandbox: "nonesuch"}, "")
	s.fails(err, apierr.NotFound, "sandbox_not_found")
	one, other := s.running(in, "sleep", "1000"), s.running(in, "sleep", "1000")
	equal(s, "its sandbox", one.Spec.Sandbox, name)
	equal(s, "its machine", other.SandboxID, one.SandboxID)
	s.ok(s.Containers.Remove(s.ctx, other.ID, true, ""))
	s.fails(s.Sandboxes.Remove(s.ctx, name, false), apierr.FailedPrecondition, "sandbox_in_use")
	left, err := s.Sandboxes.Get(s.ctx, name)
	s.ok(err)
	equal(s, "state", left.State, cardplane.SandboxRunning)
	equal(s, "containers", len(left.Containers), 1)
	listed, err := s.Containers.List(s.ctx, cardplane.ContainerFilter{Sandboxes: []string{name}})
	s.ok(err)
	equal(s, "containers in the list", len(listed), 1)
	equal(s, "the one that is left", listed[0].ID, one.ID)
	s.ok(s.Sandboxes.Remove(s.ctx, name, true))
	_, err = s.Containers.Get(s.ctx, one.ID)
	s.fails(err, apierr.NotFound, "container_not_found")
}

// The containers of a sandbox have its interfaces and published ports, from the
// first one's start to the last one's end.
func (s *suite) networkOfSandbox() {
	name := "sandbox-" + newID(4)
	_, err := s.Networks.Create(s.ctx, cardplane.NetworkSpec{Name: name}, "")
	s.ok(err)
	spec := cardplane.SandboxSpec{
		Name: name, Networks: []cardplane.NIC{{Network: name, Aliases: []string{"shop"}}},
		Ports: []cardplane.Port{{HostAddress: "127.0.0.1", ContainerPort: 80}},
	}
	made, err := s.Sandboxes.Create(s.ctx, spec, "")
	s.ok(err)
	equal(s, "networks that were asked for", len(made.Networks), 1)
	equal(s, "ports that were asked for", len(made.Ports), 1)
	equal(s, "interfaces before there is a machine", len(made.Interfaces), 0)
	s.fails(s.Networks.Remove(s.ctx, name), apierr.FailedPrecondition, "network_in_use")
	unknown := cardplane.SandboxSpec{Networks: []cardplane.NIC{{Network: "nonesuch-" + newID(4)}}}
	_, err = s.Sandboxes.Create(s.ctx, unknown, "")
	s.fails(err, apierr.NotFound, "network_not_found")

	one := s.running(func(spec *cardplane.ContainerSpec) { spec.Sandbox = name }, "sleep", "1000")
	equal(s, "interfaces of its own", len(one.Interfaces), 0)
	on, err := s.Sandboxes.Get(s.ctx, name)
	s.ok(err)
	equal(s, "interfaces", len(on.Interfaces), 1)
	equal(s, "its network", on.Interfaces[0].Network, name)
	equal(s, "published ports", len(on.Published), 1)
	equal(s, "a host's port", on.Published[0].HostPort > 0, true)
	_, err = s.Containers.Connect(s.ctx, one.ID, cardplane.NIC{Network: name})
	s.fails(err, apierr.FailedPrecondition, "option_of_sandbox")
	s.ok(s.Containers.Remove(s.ctx, one.ID, true, ""))
	off, err := s.Sandboxes.Get(s.ctx, name)
	s.ok(err)
	equal(s, "interfaces after its end", len(off.Interfaces), 0)
	s.ok(s.Sandboxes.Remove(s.ctx, name, false))
	s.ok(s.Networks.Remove(s.ctx, name))
}
