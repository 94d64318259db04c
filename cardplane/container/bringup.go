package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Labels of machines on the host, for people and for the janitor.
const (
	labelStore     = "cardplane.store"
	labelContainer = "cardplane.container"
	labelName      = "cardplane.name"
)

// bringUp returns the sandbox in which the program runs, or how the run has
// ended before it could.
func (r *run) bringUp() (*sandbox.Sandbox, *ending) {
	rec := r.e.record()
	var sb *sandbox.Sandbox
	var err error
	switch {
	case rec.Container.State != cardplane.Starting:
		sb, err = r.adopt(rec)
	case r.recovered:
		sb, err = r.resume(rec)
	default:
		sb, err = r.start(rec)
	}
	if err == nil {
		return sb, nil
	}
	return sb, r.failed(sb, err)
}

// failed is the ending of a run whose program was not reached.
func (r *run) failed(sb *sandbox.Sandbox, err error) *ending {
	if exit := r.e.record().Run.Exit; exit != nil {
		return &ending{exit: exit}
	}
	if errors.Is(context.Cause(r.ctx), errStopped) || errors.Is(context.Cause(r.ctx), errRemoved) {
		return &ending{err: apierr.New(apierr.FailedPrecondition, "start_canceled",
			"container %s was %w", r.e.record().Container.Name, context.Cause(r.ctx))}
	}
	if sb != nil && apierr.Is(err, guestclient.CodeUnreachable) {
		select {
		case <-sb.Lost():
			err = sb.LostError()
		default:
		}
	}
	return &ending{err: withEvidence(r.ctx, sb, sandbox.Explain(err))}
}

// start makes a sandbox and runs the program in it.
func (r *run) start(rec store.Record) (*sandbox.Sandbox, error) {
	r.e.setReason("preparing the image")
	begun := time.Now()
	p, err := r.plan(rec.Container)
	if err != nil {
		return nil, err
	}
	image := cardplane.Timing{Step: "image", Duration: time.Since(begun)}
	if err := r.destroyStale(); err != nil {
		return nil, err
	}
	if err := r.prepareNetworks(&p); err != nil {
		return nil, err
	}
	r.e.setReason("booting the virtual machine")
	sb, err := r.svc.cfg.Sandboxes.Start(r.ctx, p.sandbox)
	if err != nil {
		return nil, err
	}
	if !sb.FromTemplate() {
		r.svc.templates.want(p.sandbox)
	}
	return sb, r.runProgram(sb, p, image)
}

// resume finishes a start that an earlier process began. The program may run
// already.
func (r *run) resume(rec store.Record) (*sandbox.Sandbox, error) {
	for retry := guestclient.NewBackoff(); ; {
		r.e.setReason("finishing an interrupted start")
		p, err := r.plan(rec.Container)
		if err != nil {
			return nil, err
		}
		sb, err := r.resumeSandbox(&p)
		if err == nil {
			return sb, r.runProgram(sb, p)
		}
		if !sandbox.HostAway(err) || r.ctx.Err() != nil {
			return nil, err
		}
		r.e.setReason(reasonHostAway)
		if err := retry.Wait(r.ctx); err != nil {
			return nil, err
		}
	}
}

// resumeSandbox brings the sandbox up of which an earlier process has begun the
// start.
func (r *run) resumeSandbox(p *plan) (*sandbox.Sandbox, error) {
	if err := r.prepareNetworks(p); err != nil {
		return nil, err
	}
	return r.svc.cfg.Sandboxes.Resume(r.ctx, p.sandbox)
}

// prepareNetworks gives the container its interfaces, makes on the host what
// they need, and adds to p what the machine and the guest are told.
func (r *run) prepareNetworks(p *plan) error {
	if err := r.assignNetworks(); err != nil {
		return err
	}
	if err := r.openNetworks(r.ctx); err != nil {
		return err
	}
	list := r.e.record().Container.Interfaces
	p.sandbox.NICs = r.svc.hostNICs(list)
	p.config.Files = append(p.config.Files, nameFiles(p.spec.Hostname, r.e.record().Container.Spec.Hosts, list)...)
	return nil
}

// adopt takes over a sandbox in which the program was started before.
func (r *run) adopt(rec store.Record) (*sandbox.Sandbox, error) {
	for retry := guestclient.NewBackoff(); ; {
		sb, err := r.svc.cfg.Sandboxes.Adopt(r.ctx, rec.Container.SandboxID)
		if err == nil {
			r.e.setReason("")
			return sb, nil
		}
		if apierr.Is(err, "vm_not_found") {
			return nil, apierr.New(apierr.Unavailable, sandbox.CodeLost,
				"the container's virtual machine is lost: the compute host no longer has it; was the host restarted?")
		}
		if sandbox.Lost(err) || r.ctx.Err() != nil {
			return nil, err
		}
		r.e.setReason(reasonHostAway)
		r.log.WithError(err).Debug("the container's sandbox is not reached yet")
		if err := retry.Wait(r.ctx); err != nil {
			return nil, err
		}
	}
}

// plan is what a run needs to know before it makes anything.
type plan struct {
	sandbox sandbox.Spec
	spec    *specs.Spec
	config  guestapi.ContainerConfig
}

// plan builds the image's block file where it is missing, and from it and the
// record all that the host and the guest are told.
func (r *run) plan(c cardplane.Container) (plan, error) {
	block, err := r.svc.cfg.Images.Block(r.ctx, c.ImageID)
	if err != nil {
		return plan{}, err
	}
	if err := r.svc.claimBlob(block.Digest, c.ImageID); err != nil {
		return plan{}, err
	}
	spec, err := r.svc.buildSpec(r.ctx, c)
	if err != nil {
		return plan{}, err
	}
	cpus, err := cardplane.ParseCPUSet(c.Spec.Resources.CPUSet)
	if err != nil {
		return plan{}, err
	}
	p := plan{spec: spec, config: containerConfig(c, spec)}
	if p.config.Healthcheck, err = r.planHealth(c); err != nil {
		return plan{}, err
	}
	p.sandbox = sandbox.Spec{
		ID:     c.SandboxID,
		Labels: map[string]string{labelStore: r.svc.cfg.Store.ID(), labelContainer: c.ID, labelName: c.Name},
		VCPUs:  c.Spec.Resources.VCPUs, MemoryBytes: c.Spec.Resources.MemoryBytes,
		HugePages: c.Spec.Resources.HugePages, HostCPUs: cpus,
		Image: sandbox.File{Path: block.Path, Digest: block.Digest, Size: block.Size},
	}
	if !c.Spec.ReadOnlyRoot {
		p.sandbox.Disk = &sandbox.Disk{ID: r.svc.layer(c.ID).ID, SizeBytes: c.Spec.Resources.StorageBytes}
	}
	return p, r.planVolumes(c, &p)
}

// containerConfig is what the guest agent is told about the container.
func containerConfig(c cardplane.Container, spec *specs.Spec) guestapi.ContainerConfig {
	config := guestapi.ContainerConfig{
		Spec: *spec,
		Rootfs: guestapi.Rootfs{
			Image:    guestapi.ImageDevice{Device: sandbox.SerialImage},
			Writable: guestapi.Writable{Kind: guestapi.WritableDisk, Device: sandbox.SerialScratch},
		},
		Terminal: terminalSize(c.Spec.TerminalSize),
		Stdin:    stdinMode(c.Spec.Stdin),
		WhenFull: guestapi.WhenFullBlock,
		Init:     c.Spec.Init,
	}
	if c.Spec.ReadOnlyRoot {
		config.Rootfs.Writable = guestapi.Writable{Kind: guestapi.WritableNone}
	}
	if c.Spec.Logs.DropWhenFull {
		config.WhenFull = guestapi.WhenFullDrop
	}
	_, config.Sysctls = ocispec.Sysctls(c.Spec.Sysctls)
	return config
}

// nameFiles are the files of a container that say how it and others are called.
func nameFiles(hostname string, hosts []cardplane.HostEntry, list []cardplane.Interface) []guestapi.File {
	var own []string
	for _, i := range list {
		for _, text := range i.Addresses {
			address, _, _ := strings.Cut(text, "/")
			own = append(own, address)
		}
	}
	var out []guestapi.File
	files := ocispec.Files(hostname, hosts, own)
	for _, path := range sortedKeys(files) {
		out = append(out, guestapi.File{Path: path, Mode: 0o644, ContentBase64: []byte(files[path]), Writable: true})
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func terminalSize(size cardplane.TerminalSize) guestapi.TerminalSize {
	if size == (cardplane.TerminalSize{}) {
		size = cardplane.TerminalSize{Rows: 24, Cols: 80}
	}
	return guestapi.TerminalSize{Rows: int(size.Rows), Cols: int(size.Cols)}
}

func stdinMode(open bool) guestapi.StdinMode {
	if open {
		return guestapi.StdinOpen
	}
	return guestapi.StdinClosed
}

// runProgram has the agent start the program, unless it has done so before,
// and records that it runs.
func (r *run) runProgram(sb *sandbox.Sandbox, p plan, before ...cardplane.Timing) error {
	r.e.setReason("starting the program")
	begun := time.Now()
	if err := r.tellNetwork(sb); err != nil {
		return err
	}
	started, err := r.putContainer(sb, p)
	if err != nil {
		return err
	}
	told := []store.Change{r.e.tells(cardplane.ContainerStarted, nil)}
	if r.e.record().Run.Restarted {
		told = append(told, r.e.tells(cardplane.ContainerRestarted, nil))
	}
	timings := slices.Concat(before, sb.Timings(), []cardplane.Timing{{Step: "program", Duration: time.Since(begun)}})
	err = r.e.update(func(rec *store.Record) {
		c, m := &rec.Container, started.Machine
		c.State = cardplane.Running
		c.StartedAt = time.Now().UTC()
		c.Timings = timings
		c.Guest = &cardplane.GuestInfo{Kernel: m.KernelRelease, BootID: m.BootId, VMM: sb.VMM(), AgentVersion: m.AgentVersion}
		rec.Run.DiskUsed = !c.Spec.ReadOnlyRoot
	}, told...)
	if err != nil {
		return fmt.Errorf("record the start: %w", err)
	}
	r.setProcess(p.spec.Process)
	return nil
}

func (r *run) putContainer(sb *sandbox.Sandbox, p plan) (c guestapi.Container, err error) {
	err = r.svc.reach(r.ctx, sb, r.svc.cfg.Sandboxes.BootTimeout(), func(ctx context.Context) error {
		if r.recovered {
			c, err = sb.Guest().GetContainer(ctx, r.e.id)
			if !apierr.Is(err, "container_not_found") {
				return err
			}
		}
		c, err = sb.Guest().PutContainer(ctx, r.e.id, p.config)
		return err
	})
	return c, err
}
