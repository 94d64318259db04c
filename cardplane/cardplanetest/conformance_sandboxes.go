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
