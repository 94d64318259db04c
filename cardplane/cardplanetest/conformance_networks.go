package cardplanetest

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) networks() {
	name := "network-" + newID(4)
	spec := cardplane.NetworkSpec{Name: name, Labels: map[string]string{"made": name}, Internal: true}
	made, err := s.Networks.Create(s.ctx, spec, name)
	s.ok(err)
	again, err := s.Networks.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "network of the same key", again.ID, made.ID)
	_, err = s.Networks.Create(s.ctx, cardplane.NetworkSpec{}, name)
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	equal(s, "subnets", len(made.Subnets), 1)
	equal(s, "MTU", made.MTU, cardplane.DefaultMTU)
	equal(s, "internal", made.Internal, true)
	for _, ref := range []string{name, made.ID} {
		got, err := s.Networks.Get(s.ctx, ref)
		s.ok(err)
		equal(s, "network", got.ID, made.ID)
	}
	_, err = s.Networks.Create(s.ctx, cardplane.NetworkSpec{Name: name}, "")
	s.fails(err, apierr.AlreadyExists, "network_exists")
	_, err = s.Networks.Create(s.ctx, cardplane.NetworkSpec{Subnets: made.Subnets}, "")
	s.fails(err, apierr.FailedPrecondition, "subnet_overlaps")
	_, err = s.Networks.Get(s.ctx, "nonesuch")
	s.fails(err, apierr.NotFound, "network_not_found")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Networks: []cardplane.NIC{{Network: "nonesuch"}}}, "")
	s.fails(err, apierr.NotFound, "network_not_found")
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Networks: []cardplane.NIC{}, Ports: []cardplane.Port{{ContainerPort: 80}}}, "")
	s.fails(err, apierr.InvalidArgument, "ports_without_network")
	found, err := s.Networks.List(s.ctx, cardplane.NetworkFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "networks with the label", len(found), 1)

	c := s.newContainer(func(spec *cardplane.ContainerSpec) { spec.Networks = []cardplane.NIC{{Network: name}} }, "true")
	s.fails(s.Networks.Remove(s.ctx, name), apierr.FailedPrecondition, "network_in_use")
	used, err := s.Networks.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "pruned while in use", len(used.IDs), 0)
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	kept, err := s.Networks.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}, Until: made.CreatedAt})
	s.ok(err)
	equal(s, "pruned before it was made", len(kept.IDs), 0)
	gone, err := s.Networks.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "pruned", strings.Join(gone.IDs, " "), name)
	s.fails(s.Networks.Remove(s.ctx, name), apierr.NotFound, "network_not_found")
}

// A run has an interface on each network, also on those that come while it runs.
func (s *suite) networkOfRun() {
	name := "network-" + newID(4)
	_, err := s.Networks.Create(s.ctx, cardplane.NetworkSpec{Name: name}, "")
	s.ok(err)
	c := s.running(func(spec *cardplane.ContainerSpec) {
		spec.Networks = []cardplane.NIC{{Network: name, Aliases: []string{"db"}}}
		spec.Ports = []cardplane.Port{{HostAddress: "127.0.0.1", ContainerPort: 80}}
	}, "sleep", "1000")
	c, err = s.Containers.Get(s.ctx, c.ID)
	s.ok(err)
	equal(s, "interfaces", len(c.Interfaces), 1)
	equal(s, "its network", c.Interfaces[0].Network, name)
	equal(s, "its alias", strings.Join(c.Interfaces[0].Aliases, " "), "db")
	equal(s, "ports", len(c.Ports), 1)
	equal(s, "a host's port", c.Ports[0].HostPort > 0, true)
	equal(s, "protocol", c.Ports[0].Protocol, cardplane.TCP)
	s.fails(s.Networks.Remove(s.ctx, name), apierr.FailedPrecondition, "network_in_use")
	_, err = s.Containers.Disconnect(s.ctx, c.ID, name)
	s.fails(err, apierr.FailedPrecondition, "ports_published")

	second := "network-" + newID(4)
	_, err = s.Containers.Connect(s.ctx, c.ID, cardplane.NIC{Network: second})
	s.fails(err, apierr.NotFound, "network_not_found")
	_, err = s.Networks.Create(s.ctx, cardplane.NetworkSpec{Name: second}, "")
	s.ok(err)
	on, err := s.Containers.Connect(s.ctx, c.ID, cardplane.NIC{Network: second})
	s.ok(err)
	equal(s, "interfaces of both", len(on.Interfaces), 2)
	_, err = s.Containers.Connect(s.ctx, c.ID, cardplane.NIC{Network: second})
	s.fails(err, apierr.FailedPrecondition, "network_connected")
	off, err := s.Containers.Disconnect(s.ctx, c.ID, second)
	s.ok(err)
	equal(s, "interfaces after", len(off.Interfaces), 1)
	_, err = s.Containers.Disconnect(s.ctx, c.ID, second)
	s.fails(err, apierr.FailedPrecondition, "network_not_connected")
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	s.ok(s.Networks.Remove(s.ctx, name))
	s.ok(s.Networks.Remove(s.ctx, second))
}
