package cardplanetest

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// container is a container with what became of it. Memory.mu guards it.
type container struct {
	cardplane.Container
	process *process // of the present or last run
	request cardplane.ContainerSpec
	again   bool                // a restart is under way
	ends    int                 // how many runs have ended
	ended   cardplane.Container // as the latest of them has left it
	log     []cardplane.LogRecord
	offsets map[cardplane.Stream]int64
	execs   []*exec
	root    string // its file system, once somebody has asked for it
	samples int    // of Stats
	removed bool
}

type exec struct {
	cardplane.Exec
	process *process
}

// containerService is a Memory seen as a cardplane.ContainerService.
type containerService Memory

var _ cardplane.ContainerService = (*containerService)(nil)

func (s *containerService) memory() *Memory { return (*Memory)(s) }

func (s *containerService) Create(_ context.Context, spec cardplane.ContainerSpec, key string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	if made, err := answered[cardplane.Container](m, "container/"+key, spec); made != nil || err != nil {
		return *cmp.Or(made, &cardplane.Container{}), err
	}
	image, err := m.imageLocked(spec.Image)
	if err != nil {
		return cardplane.Container{}, apierr.From(err).At("/image")
	}
	request := spec
	if spec, err = m.inSandboxLocked(spec); err != nil {
		return cardplane.Container{}, err
	}
	if err := m.checkSpecLocked(spec); err != nil {
		return cardplane.Container{}, err
	}
	if spec, err = m.completeContentsLocked(spec); err != nil {
		return cardplane.Container{}, err
	}
	if err := m.checkNetworksLocked(spec.Networks, spec.Ports); err != nil {
		return cardplane.Container{}, err
	}
	if err := m.makeVolumesLocked(spec); err != nil {
		return cardplane.Container{}, err
	}
	c := &container{offsets: make(map[cardplane.Stream]int64), request: request}
	c.ID, c.Name, c.SandboxID, c.ImageID = newID(16), spec.Name, newID(8), image.ID
	if c.Name == "" {
		c.Name = "unnamed_" + c.ID[:6]
	}
	spec.Healthcheck = spec.Healthcheck.Over(image.Config.Healthcheck)
	c.Spec, c.State, c.CreatedAt = spec, cardplane.Created, m.nowLocked()
	m.containers = append(m.containers, c)
	m.eventLocked(cardplane.ContainerCreated, c.ID, c.Name, nil)
	m.rememberLocked("container/"+key, request, c.WithRevision())
	return c.WithRevision(), nil
}

func (m *Memory) checkSpecLocked(spec cardplane.ContainerSpec) error {
	r := spec.Resources
	switch {
	case spec.Name != "" && m.nameTakenLocked(spec.Name):
		return nameTaken(spec.Name)
	case r.VCPUs < 0 || r.VCPUs > cardplane.MaxVCPUs:
		return apierr.New(apierr.InvalidArgument, "invalid_field", "field /resources/vcpus is %d; 1 to %d are possible", r.VCPUs, cardplane.MaxVCPUs).At("/resources/vcpus")
	case spec.Sandbox == "" && r.MemoryBytes != 0 && r.MemoryBytes < cardplane.MinMemoryBytes:
		return apierr.New(apierr.InvalidArgument, "invalid_field", "field /resources/memoryBytes is %d; the minimum is %d", r.MemoryBytes, cardplane.MinMemoryBytes).At("/resources/memoryBytes")
	}
	return nil
}

func (m *Memory) nameTakenLocked(name string) bool {
	return slices.ContainsFunc(m.containers, func(c *container) bool { return c.Name == name })
}

func nameTaken(name string) error {
	return apierr.New(apierr.AlreadyExists, "name_taken", "the name %q is taken; remove the container or choose another name", name).At("/name")
}

// findLocked resolves an id, a name, or a unique prefix of an id.
func (m *Memory) findLocked(ref string) (*container, error) {
	var matches []*container
	for _, c := range m.containers {
		if c.ID == ref || c.Name == ref {
			return c, nil
		}
		if ref != "" && strings.HasPrefix(c.ID, ref) {
			matches = append(matches, c)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return nil, apierr.New(apierr.NotFound, "container_not_found", "there is no container %q; `cardctl ps -a` lists them", ref)
	}
	var names []string
	for _, c := range matches {
		names = append(names, c.ID[:12]+" ("+c.Name+")")
	}
	return nil, apierr.New(apierr.InvalidArgument, "ambiguous_id", "%q fits several containers: %s; give more digits", ref, strings.Join(names, ", "))
}

func (s *containerService) Get(_ context.Context, ref string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	return c.WithRevision(), nil
}

func (s *containerService) List(_ context.Context, filter cardplane.ContainerFilter) ([]cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []cardplane.Container
	for _, c := range m.containers {
		if filter.Match(c.Container) {
			out = append(out, c.Container)
		}
	}
	return out, nil
}

func (s *containerService) Remove(ctx context.Context, ref string, force bool, revision string) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return err
	}
	if err := c.CheckRevision(revision); err != nil {
		return err
	}
	if c.State.Active() {
		if !force {
			return apierr.New(apierr.FailedPrecondition, "container_running", "container %s runs; stop it first or force the removal", c.Name)
		}
		if c.process != nil {
			c.process.endLocked(signalExit(sigkill))
		}
		if err := m.untilLocked(ctx, func() bool { return !c.State.Active() }); err != nil {
			return err
		}
	}
	m.removeLocked(c)
	return nil
}

func (m *Memory) removeLocked(c *container) {
	if c.removed {
		return
	}
	c.removed = true
	m.containers = slices.DeleteFunc(m.containers, func(other *container) bool { return other == c })
	m.eventLocked(cardplane.ContainerRemoved, c.ID, c.Name, nil)
}

// lookupLocked resolves a command to a program.
func (m *Memory) lookupLocked(argv []string) (Program, error) {
	program, ok := m.programs[argv[0]]
	if !ok {
		program, ok = m.programs[path.Base(argv[0])]
	}
	if !ok {
		return program, apierr.New(apierr.InvalidArgument, "command_not_found", "there is no command %q in the image", argv[0])
	}
	if program.Run == nil {
		return program, apierr.New(apierr.InvalidArgument, "command_not_executable", "%q in the image is not executable", argv[0])
	}
	return program, nil
}
