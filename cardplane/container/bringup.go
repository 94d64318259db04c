package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	labelSandbox   = "cardplane.sandbox"
	labelName      = "cardplane.name"
)

// bringUp returns the sandbox in which the program runs, or how the run has
// ended before it could.
func (r *run) bringUp() (*sandbox.Sandbox, *ending) {
	rec := r.e.record()
	var sb *sandbox.Sandbox
	var err error
	switch {
	case r.seat != nil:
		sb, err = r.enter(rec)
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
	if err := r.svc.destroyStale(r.ctx, r.e.id, rec.Container.SandboxID); err != nil {
		return nil, err
	}
	if err := r.prepareNetworks(&p); err != nil {
		return nil, err
	}
	r.e.setReason("booting the virtual machine")
	sb, err := r.svc.startSandbox(r.ctx, p.sandbox)
	if err != nil {
		return nil, err
	}
	return sb, r.runProgram(sb, p, append([]cardplane.Timing{image}, sb.Timings()...))
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
			return sb, r.runProgram(sb, p, sb.Timings())
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
	nics, err := r.net.prepare()
	if err != nil {
		return err
	}
	p.sandbox.NICs = nics
	p.config.Files = append(p.config.Files, nameFiles(p.spec.Hostname, r.e.record().Container.Spec.Hosts, r.net.connections().interfaces)...)
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
			return nil, machineGone()
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

// machineGone is the error about a machine that the host does not have.
func machineGone() error {
	return apierr.New(apierr.Unavailable, sandbox.CodeLost,
		"the container's virtual machine is lost: the compute host no longer has it; was the host restarted?")
}

// plan is what a run needs to know before it makes anything.
type plan struct {
	sandbox sandbox.Spec     // of a machine of its own
	devices []sandbox.Device // for a machine that it shares
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
	p := plan{spec: spec, config: containerConfig(c, spec)}
	if p.config.Healthcheck, err = r.planHealth(c); err != nil {
		return plan{}, err
	}
	image := sandbox.File{Path: block.Path, Digest: block.Digest, Size: block.Size}
	if r.seat != nil {
		r.planDevices(c, image, &p)
	} else if err := r.planMachine(c, image, &p); err != nil {
		return plan{}, err
	}
	return p, r.planVolumes(c, &p)
}

// planMachine adds to p the machine that the run has for itself.
func (r *run) planMachine(c cardplane.Container, image sandbox.File, p *plan) error {
	cpus, err := cardplane.ParseCPUSet(c.Spec.Resources.CPUSet)
	if err != nil {
		return err
	}
	p.sandbox = sandbox.Spec{
		ID:     c.SandboxID,
		Labels: map[string]string{labelStore: r.svc.cfg.Store.ID(), labelContainer: c.ID, labelName: c.Name},
		VCPUs:  c.Spec.Resources.VCPUs, MemoryBytes: c.Spec.Resources.MemoryBytes,
		HugePages: c.Spec.Resources.HugePages, HostCPUs: cpus,
		Image: image,
	}
	if !c.Spec.ReadOnlyRoot {
		p.sandbox.Disk = &sandbox.Disk{ID: r.svc.layer(c.ID).ID, SizeBytes: c.Spec.Resources.StorageBytes}
	}
	return nil
}

// containerConfig is what the guest agent is told about the container.
func containerConfig(c cardplane.Container, spec *specs.Spec) guestapi.ContainerConfig {
	image, layer := sandbox.SerialImage, sandbox.SerialScratch
	if c.Spec.Sandbox != "" {
		image, layer = sandbox.ImageSerial(c.ImageID), sandbox.LayerSerial(c.ID)
	}
	config := guestapi.ContainerConfig{
		Spec: *spec,
		Rootfs: guestapi.Rootfs{
			Image:    guestapi.ImageDevice{Device: image},
			Writable: guestapi.Writable{Kind: guestapi.WritableDisk, Device: layer},
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
	_, config.Sysctls = ocispec.Sysctls(c.Spec)
	planContents(c.Spec, &config)
	return config
}

// nameFiles are the files of a container that say how it and others are called.
func nameFiles(hostname string, hosts []cardplane.HostEntry, list []cardplane.Interface) []guestapi.File {
	var own []string
	for _, i := range list {
		for _, a := range addressesOf(i) {
			own = append(own, a.String())
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
// and records that it runs. before are the steps that were taken for it.
func (r *run) runProgram(sb *sandbox.Sandbox, p plan, before []cardplane.Timing) error {
	r.e.setReason("starting the program")
	begun := time.Now()
	if r.net != nil {
		if err := r.net.tell(sb); err != nil {
			return err
		}
	}
	r.setProcess(p.spec.Process)
	started, err := r.putContainer(sb, p)
	if err != nil {
		return err
	}
	told := []store.Change{r.e.tells(cardplane.ContainerStarted, nil)}
	if r.e.record().Run.Restarted {
		told = append(told, r.e.tells(cardplane.ContainerRestarted, nil))
	}
	timings := slices.Concat(before, []cardplane.Timing{{Step: "program", Duration: time.Since(begun)}})
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
		if err := r.files.begin(ctx, sb); err != nil {
			return err
		}
		c, err = sb.Guest().PutContainer(ctx, r.e.id, p.config)
		return err
	})
	return c, err
}
