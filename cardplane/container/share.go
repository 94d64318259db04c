package container

import (
	"strings"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// completeSize checks and completes what the container asks of its machine.
func (s *Service) completeSize(spec cardplane.ContainerSpec) (cardplane.ContainerSpec, error) {
	var err error
	if spec.Sandbox == "" {
		spec.Resources, err = completeResources(spec.Resources)
		return spec, err
	}
	b, err := s.boxes.lookup(spec.Sandbox)
	if err != nil {
		return spec, apierr.From(err).At("/sandbox")
	}
	shared := b.sandbox()
	spec.Sandbox = shared.Name
	if err := checkShared(spec, shared); err != nil {
		return spec, err
	}
	spec.Resources, err = completeOwn(spec.Resources)
	return spec, err
}

// checkShared refuses what a container cannot have for itself in a sandbox.
func checkShared(spec cardplane.ContainerSpec, shared cardplane.Sandbox) error {
	r := spec.Resources
	for _, option := range []struct {
		field string
		given bool
	}{
		{"/resources/vcpus", r.VCPUs != 0}, {"/resources/hugePages", r.HugePages}, {"/resources/cpuset", r.CPUSet != ""},
		{"/hostname", spec.Hostname != ""}, {"/shmBytes", spec.ShmBytes != 0},
		{"/networks", len(spec.Networks) > 0}, {"/ports", len(spec.Ports) > 0},
	} {
		if option.given {
			return invalid(option.field, "option_of_sandbox",
				"all containers of sandbox %s have %q in common; leave it out, or run the container without a sandbox", shared.Name, strings.TrimPrefix(option.field, "/"))
		}
	}
	if limit := r.MemoryBytes; limit != 0 && (limit < cardplane.MinMemoryLimit || limit > shared.Resources.MemoryBytes) {
		return invalid("/resources/memoryBytes", "invalid_memory_limit",
			"a limit of %d bytes of memory is not possible in sandbox %s; ask for %d to %d, or 0 for no limit", limit, shared.Name, int64(cardplane.MinMemoryLimit), shared.Resources.MemoryBytes)
	}
	return nil
}

// machineOwner owns in the ledger, and in leases, what is the container's
// machine's.
func (s *Service) machineOwner(c cardplane.Container) string {
	if b := s.boxes.named(c.Spec.Sandbox); b != nil {
		return b.owner()
	}
	return c.ID
}

// sandboxWrites reports whether a container of the sandbox is to write to the
// volume. Then its machine has it so from the start.
func (s *Service) sandboxWrites(sandbox, volume string) bool {
	if sandbox == "" {
		return false
	}
	for _, e := range s.all() {
		rec := e.record()
		if rec.Container.Spec.Sandbox == sandbox && volumeUses(mountsOf(rec))[volume] {
			return true
		}
	}
	return false
}

// enter returns the sandbox of the machine that the run shares, in which the
// program runs.
func (r *run) enter(rec store.Record) (*sandbox.Sandbox, error) {
	if rec.Container.State != cardplane.Starting {
		sb, err := r.seat.await(r.ctx)
		if err == nil {
			r.e.setReason("")
		}
		return sb, err
	}
	for retry := guestclient.NewBackoff(); ; {
		sb, err := r.tryEnter(rec)
		if err == nil || !r.recovered || !sandbox.HostAway(err) || r.ctx.Err() != nil {
			return sb, err
		}
		r.e.setReason(reasonHostAway)
		if err := retry.Wait(r.ctx); err != nil {
			return sb, err
		}
	}
}

// tryEnter takes the steps to a program that runs. Each may be repeated.
func (r *run) tryEnter(rec store.Record) (*sandbox.Sandbox, error) {
	r.e.setReason("waiting for the sandbox's virtual machine")
	select {
	case <-r.seat.ready: // leases of a machine before this one have ended
	case <-r.seat.up:
	case <-r.ctx.Done():
		return nil, r.ctx.Err()
	}
	begun := time.Now()
	p, err := r.plan(rec.Container)
	if err != nil {
		return nil, err
	}
	steps := []cardplane.Timing{{Step: "image", Duration: time.Since(begun)}}
	sb, err := r.seat.await(r.ctx)
	if err != nil {
		return nil, err
	}
	hosts := nameFiles(ocispec.Hostname(rec.Container.ID, rec.Container.Spec), rec.Container.Spec.Hosts, r.seat.net.connections().interfaces)
	p.config.Files = append(p.config.Files, hosts...)
	r.svc.zones.announce() // of its name
	steps = append(steps, r.seat.steps()...)
	r.e.setReason("plugging in the container's disks")
	begun = time.Now()
	if err := r.seat.plug(r.ctx, sb, p.devices); err != nil {
		return sb, err
	}
	return sb, r.runProgram(sb, p, append(steps, cardplane.Timing{Step: "disks", Duration: time.Since(begun)}))
}

// planDevices adds to p what the container brings along to a machine that it
// shares.
func (r *run) planDevices(c cardplane.Container, image sandbox.File, p *plan) {
	p.devices = append(p.devices, sandbox.Device{Serial: sandbox.ImageSerial(c.ImageID), Image: image, ReadOnly: true})
	if !c.Spec.ReadOnlyRoot {
		p.devices = append(p.devices, sandbox.Device{
			Serial: sandbox.LayerSerial(c.ID), Disk: &sandbox.Disk{ID: r.svc.layer(c.ID).ID, SizeBytes: c.Spec.Resources.StorageBytes},
		})
	}
}

// ownerOf returns the owner of a machine on the host by its labels.
func ownerOf(labels map[string]string) string {
	if id := labels[labelSandbox]; id != "" {
		return store.OwnerSandbox + id
	}
	return labels[labelContainer]
}

// machineWanted reports whether an active container is in the sandbox's machine.
func (s *Service) machineWanted(id string) bool {
	for _, e := range s.all() {
		if c := e.record().Container; c.State.Active() && c.SandboxID == id {
			return true
		}
	}
	return false
}

// cleanMachine strikes out a sandbox's machine that is gone. Leases end with
// the latest machine.
func (s *Service) cleanMachine(vm store.Resource, sandbox string) error {
	changes := []store.Change{store.Release(vm)}
	s.boxes.mu.Lock()
	b := s.boxes.byID[sandbox]
	s.boxes.mu.Unlock()
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
	}
	if b == nil || b.rec.Machine == vm.ID {
		changes = append(changes, store.EndLeases(vm.Owner, false), store.EndAddresses(vm.Owner))
	}
	return s.cfg.Store.Update(changes...)
}
