package container

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/prune"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// boxes are the sandboxes by id and by name.
type boxes struct {
	// changing is held while a sandbox is made or removed, and while a container
	// makes sure that its sandbox is there.
	changing sync.Mutex

	mu     sync.Mutex
	byID   map[string]*box
	byName map[string]*box
}

// Sandboxes returns the sandbox service.
func (s *Service) Sandboxes() cardplane.SandboxService { return &sandboxes{s} }

type sandboxes struct{ svc *Service }

// openBoxes loads all sandboxes.
func (s *Service) openBoxes() error {
	s.boxes.byID, s.boxes.byName = make(map[string]*box), make(map[string]*box)
	all, err := s.cfg.Store.LoadSandboxes()
	for _, rec := range all {
		s.boxes.add(&box{svc: s, id: rec.Sandbox.ID, rec: rec})
	}
	return err
}

func (b *boxes) add(made *box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byID[made.id], b.byName[made.rec.Sandbox.Name] = made, made
}

func (b *boxes) remove(gone *box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.byID, gone.id)
	delete(b.byName, gone.rec.Sandbox.Name)
}

// named returns the sandbox of that name, nil if there is none.
func (b *boxes) named(name string) *box {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byName[name]
}

func (b *boxes) all() []*box {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Values(b.byID))
}

// lookup finds the sandbox that ref means: an id, a name, or a prefix of an id.
func (b *boxes) lookup(ref string) (*box, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := cmp.Or(b.byID[ref], b.byName[ref]); found != nil {
		return found, nil
	}
	var matches []string
	for id := range b.byID {
		if ref != "" && strings.HasPrefix(id, ref) {
			matches = append(matches, id)
		}
	}
	switch len(matches) {
	case 0:
		return nil, sandboxNotFound(ref)
	case 1:
		return b.byID[matches[0]], nil
	}
	slices.Sort(matches)
	return nil, apierr.New(apierr.InvalidArgument, "ambiguous_id",
		"the id prefix %q matches %d sandboxes (%s); give more digits", ref, len(matches), strings.Join(short(matches), ", "))
}

func sandboxNotFound(ref string) error {
	return apierr.New(apierr.NotFound, "sandbox_not_found",
		"there is no sandbox %q; `cardctl sandbox ls` lists all, `cardctl sandbox create` makes one", ref)
}

// Create implements cardplane.SandboxService.
func (s *sandboxes) Create(ctx context.Context, spec cardplane.SandboxSpec, key string) (cardplane.Sandbox, error) {
	if key != "" {
		key = "sandbox/" + key
	}
	unlock, err := s.svc.keys.lock(ctx, key)
	if err != nil {
		return cardplane.Sandbox{}, err
	}
	defer unlock()
	var made cardplane.Sandbox
	if key != "" {
		if found, _, err := s.svc.cfg.Store.Answer(key, spec, &made); err != nil || found {
			return made, err
		}
	}
	if made, err = s.svc.described(ctx, spec); err != nil {
		return cardplane.Sandbox{}, err
	}
	if made, err = s.record(made, spec, key); err != nil {
		return cardplane.Sandbox{}, err
	}
	s.svc.boxes.add(&box{svc: s.svc, id: made.ID, rec: store.SandboxRecord{Sandbox: made}})
	return made, nil
}

// described is the sandbox that spec asks for.
func (s *Service) described(ctx context.Context, spec cardplane.SandboxSpec) (cardplane.Sandbox, error) {
	if spec.Name != "" {
		if err := checkName("/name", spec.Name); err != nil {
			return cardplane.Sandbox{}, err
		}
	}
	if err := checkStrings("/labels", keysAndValues(spec.Labels)); err != nil {
		return cardplane.Sandbox{}, err
	}
	size, err := completeMachine(cardplane.Resources{
		VCPUs: spec.Resources.VCPUs, MemoryBytes: spec.Resources.MemoryBytes, HugePages: spec.Resources.HugePages, CPUSet: spec.Resources.CPUSet,
	})
	if err == nil {
		err = s.checkHostMemory(ctx, size.MemoryBytes)
	}
	if err == nil {
		spec.Ports, err = completeNetworks(spec.Networks, spec.Ports)
	}
	if err == nil {
		err = s.confirmNetworks(ctx, spec.Networks)
	}
	return cardplane.Sandbox{
		ID: newID(idBytes), Name: spec.Name, Labels: spec.Labels, State: cardplane.SandboxIdle, CreatedAt: time.Now().UTC(),
		Networks: spec.Networks, Ports: spec.Ports,
		Resources: cardplane.SandboxResources{VCPUs: size.VCPUs, MemoryBytes: size.MemoryBytes, HugePages: size.HugePages, CPUSet: size.CPUSet},
	}, err
}

// record stores a new sandbox, under a name that is free where it has none.
func (s *sandboxes) record(made cardplane.Sandbox, spec cardplane.SandboxSpec, key string) (cardplane.Sandbox, error) {
	s.svc.boxes.changing.Lock()
	defer s.svc.boxes.changing.Unlock()
	for try := 1; ; try++ {
		if spec.Name == "" {
			made.Name = randomName()
		}
		changes := []store.Change{s.tells(cardplane.SandboxCreated, made)}
		if key != "" {
			changes = append(changes, store.Remember(key, spec, made, true))
		}
		err := s.svc.cfg.Store.CreateSandbox(made, changes...)
		if spec.Name != "" || !apierr.Is(err, "sandbox_exists") || try == nameTries {
			return made, err
		}
	}
}

// tells returns what records an event of a sandbox.
func (s *sandboxes) tells(t cardplane.EventType, of cardplane.Sandbox) store.Change {
	return s.svc.cfg.Events.Recording(cardplane.Event{Type: t, Subject: of.ID, Name: of.Name, Labels: of.Labels})
}

// Get implements cardplane.SandboxService.
func (s *sandboxes) Get(_ context.Context, ref string) (cardplane.Sandbox, error) {
	b, err := s.svc.boxes.lookup(ref)
	if err != nil {
		return cardplane.Sandbox{}, err
	}
	return s.svc.viewOf(b), nil
}

// viewOf returns the sandbox with what its containers make of it.
func (s *Service) viewOf(b *box) cardplane.Sandbox {
	out := b.sandbox()
	for _, c := range s.containersIn(out.Name) {
		out.Containers = append(out.Containers, cardplane.SandboxContainer{ID: c.ID, Name: c.Name, State: c.State})
	}
	out.State = cardplane.StateOfSandbox(out.Containers)
	if out.State != cardplane.SandboxIdle {
		b.mu.Lock()
		defer b.mu.Unlock()
		out.Interfaces, out.Published, out.NetworkReason = b.rec.Wiring.Interfaces, b.rec.Wiring.Ports, b.rec.Wiring.Reason
	}
	return out
}

// containersIn returns the containers that name the sandbox, in order of
// creation.
func (s *Service) containersIn(name string) []cardplane.Container {
	all, _ := s.List(s.ctx, cardplane.ContainerFilter{All: true, Sandboxes: []string{name}}) // never fails
	return all
}

// List implements cardplane.SandboxService.
func (s *sandboxes) List(_ context.Context, filter cardplane.SandboxFilter) ([]cardplane.Sandbox, error) {
	var list []cardplane.Sandbox
	for _, b := range s.svc.boxes.all() {
		if v := s.svc.viewOf(b); filter.Match(v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b cardplane.Sandbox) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Remove implements cardplane.SandboxService.
func (s *sandboxes) Remove(ctx context.Context, ref string, force bool) error {
	b, err := s.svc.boxes.lookup(ref)
	if err != nil {
		return err
	}
	if force {
		if err := s.removeContainers(ctx, b.sandbox().Name); err != nil {
			return err
		}
	}
	s.svc.boxes.changing.Lock()
	defer s.svc.boxes.changing.Unlock()
	gone := s.svc.viewOf(b)
	if n := len(gone.Containers); n > 0 {
		return apierr.New(apierr.FailedPrecondition, "sandbox_in_use",
			"the sandbox %s has %d containers, %s among them; remove them first, or remove it with force", gone.Name, n, gone.Containers[0].Name)
	}
	if s.svc.boxes.named(gone.Name) != b {
		return sandboxNotFound(ref)
	}
	if err := s.svc.cfg.Store.RemoveSandbox(b.id, s.tells(cardplane.SandboxRemoved, gone)); err != nil {
		return err
	}
	s.svc.boxes.remove(b)
	return nil
}

// removeContainers removes all containers of a sandbox, at once.
func (s *sandboxes) removeContainers(ctx context.Context, name string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range s.svc.containersIn(name) {
		group.Go(func() error {
			err := s.svc.Remove(ctx, c.ID, true, "")
			if apierr.Is(err, "container_not_found") {
				return nil // somebody was faster
			}
			return err
		})
	}
	return group.Wait()
}

// Prune implements cardplane.SandboxService.
func (s *sandboxes) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.SandboxFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	list := make([]prune.Object, len(all))
	for i, one := range all {
		list[i] = prune.Object{
			Name: one.Name, CreatedAt: one.CreatedAt,
			Remove: func() error { return s.Remove(ctx, one.ID, false) },
		}
	}
	return prune.Objects(list, filter.Until, "sandbox_in_use")
}

// confirmSandbox makes sure that a container's sandbox was not removed before
// the container was recorded, from when on it cannot be.
func (s *Service) confirmSandbox(spec cardplane.ContainerSpec) error {
	if spec.Sandbox == "" {
		return nil
	}
	s.boxes.changing.Lock()
	defer s.boxes.changing.Unlock()
	if s.boxes.named(spec.Sandbox) == nil {
		return apierr.From(sandboxNotFound(spec.Sandbox)).At("/sandbox")
	}
	return nil
}

// reenter makes the active containers members of the machines that they were
// in when the control plane ended. No entry is used by others yet.
func (s *Service) reenter() map[string]*machine {
	seats := make(map[string]*machine)
	for _, e := range s.entries {
		if b := s.boxes.named(e.rec.Container.Spec.Sandbox); b != nil && e.rec.Container.State.Active() {
			seats[e.id] = b.reenter(e)
		}
	}
	return seats
}
