package cardplanetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// box is a sandbox. machine is the id of the machine that its containers have,
// while one of them runs.
type box struct {
	cardplane.Sandbox
	machine string
}

// sandboxService is a Memory seen as a cardplane.SandboxService.
type sandboxService Memory

var _ cardplane.SandboxService = (*sandboxService)(nil)

// Sandboxes returns the sandbox service.
func (m *Memory) Sandboxes() cardplane.SandboxService { return (*sandboxService)(m) }

func (s *sandboxService) memory() *Memory { return (*Memory)(s) }

func (s *sandboxService) Create(_ context.Context, spec cardplane.SandboxSpec, key string) (cardplane.Sandbox, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	if made, err := answered[cardplane.Sandbox](m, "sandbox/"+key, spec); made != nil || err != nil {
		return *cmp.Or(made, &cardplane.Sandbox{}), err
	}
	if slices.ContainsFunc(m.sandboxes, func(b *box) bool { return b.Name == spec.Name }) {
		return cardplane.Sandbox{}, apierr.New(apierr.AlreadyExists, "sandbox_exists", "the sandbox %q exists", spec.Name).At("/name")
	}
	if err := m.checkNetworksLocked(spec.Networks, spec.Ports); err != nil {
		return cardplane.Sandbox{}, err
	}
	r := spec.Resources
	r.VCPUs, r.MemoryBytes = cmp.Or(r.VCPUs, cardplane.DefaultVCPUs), cmp.Or(r.MemoryBytes, cardplane.DefaultMemoryBytes)
	b := &box{Sandbox: cardplane.Sandbox{
		ID: newID(16), Name: cmp.Or(spec.Name, "unnamed_"+newID(3)), Labels: spec.Labels, Resources: r,
		State: cardplane.SandboxIdle, CreatedAt: m.nowLocked(), Networks: spec.Networks, Ports: spec.Ports,
	}}
	m.sandboxes = append(m.sandboxes, b)
	m.eventLocked(cardplane.SandboxCreated, b.ID, b.Name, nil)
	m.rememberLocked("sandbox/"+key, spec, b.Sandbox)
	return b.Sandbox, nil
}

func (m *Memory) boxLocked(ref string) (*box, error) {
	var found []*box
	for _, b := range m.sandboxes {
		if b.ID == ref || b.Name == ref {
			return b, nil
		}
		if ref != "" && strings.HasPrefix(b.ID, ref) {
			found = append(found, b)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return nil, apierr.New(apierr.InvalidArgument, "ambiguous_id", "the id prefix %q matches %d sandboxes", ref, len(found))
	}
	return nil, apierr.New(apierr.NotFound, "sandbox_not_found", "there is no sandbox %q", ref)
}

// viewLocked returns the sandbox with its containers.
func (m *Memory) viewLocked(b *box) cardplane.Sandbox {
	out := b.Sandbox
	for _, c := range m.containers {
		if c.Spec.Sandbox == b.Name {
			out.Containers = append(out.Containers, cardplane.SandboxContainer{ID: c.ID, Name: c.Name, State: c.State})
		}
	}
	out.State = cardplane.StateOfSandbox(out.Containers)
	if out.State == cardplane.SandboxIdle {
		out.Interfaces, out.Published = nil, nil
	}
	return out
}

func (s *sandboxService) Get(_ context.Context, ref string) (cardplane.Sandbox, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := m.boxLocked(ref)
	if err != nil {
		return cardplane.Sandbox{}, err
	}
	return m.viewLocked(b), nil
}

func (s *sandboxService) List(_ context.Context, filter cardplane.SandboxFilter) ([]cardplane.Sandbox, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []cardplane.Sandbox
	for _, b := range m.sandboxes {
		if v := m.viewLocked(b); filter.Match(v) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (s *sandboxService) Remove(ctx context.Context, ref string, force bool) error {
	view, err := s.Get(ctx, ref)
	if err != nil {
		return err
	}
	for _, c := range view.Containers {
		if !force {
			return apierr.New(apierr.FailedPrecondition, "sandbox_in_use", "the sandbox %s has the container %s; remove that first", view.Name, c.Name)
		}
		if err := s.memory().Containers().Remove(ctx, c.ID, true, ""); err != nil {
			return err
		}
	}
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sandboxes = slices.DeleteFunc(m.sandboxes, func(b *box) bool { return b.ID == view.ID })
	m.eventLocked(cardplane.SandboxRemoved, view.ID, view.Name, nil)
	return nil
}

func (s *sandboxService) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.SandboxFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	for _, v := range all {
		if !filter.Until.IsZero() && !v.CreatedAt.Before(filter.Until) || len(v.Containers) > 0 {
			continue
		}
		if err := s.Remove(ctx, v.ID, false); err != nil {
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, v.Name)
	}
	return pruned, nil
}

// inSandboxLocked resolves the sandbox of spec, and refuses what is the
// sandbox's.
func (m *Memory) inSandboxLocked(spec cardplane.ContainerSpec) (cardplane.ContainerSpec, error) {
	if spec.Sandbox == "" {
		return spec, nil
	}
	b, err := m.boxLocked(spec.Sandbox)
	if err != nil {
		return spec, apierr.From(err).At("/sandbox")
	}
	spec.Sandbox = b.Name
	if spec.Resources.VCPUs != 0 {
		return spec, apierr.New(apierr.InvalidArgument, "option_of_sandbox", "it is the sandbox's; leave it out").At("/resources/vcpus")
	}
	return spec, nil
}

// boxOfLocked returns the sandbox of a container, nil where it is in none.
func (m *Memory) boxOfLocked(c *container) *box {
	i := slices.IndexFunc(m.sandboxes, func(b *box) bool { return b.Name == c.Spec.Sandbox })
	if i < 0 {
		return nil
	}
	return m.sandboxes[i]
}

// machineLocked returns the id of the machine that the container starts in.
func (m *Memory) machineLocked(c *container) string {
	b := m.boxOfLocked(c)
	if b == nil {
		return newID(8)
	}
	used := slices.ContainsFunc(m.containers, func(o *container) bool { return o != c && o.Spec.Sandbox == b.Name && o.State.Active() })
	if b.machine == "" || !used {
		b.machine, b.Interfaces = newID(8), nil
	}
	return b.machine
}
