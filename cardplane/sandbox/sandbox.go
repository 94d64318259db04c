package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// ErrDetached as the cause of a context's end leaves everything on the host
// as it is, for a later process to take over.
var ErrDetached = errors.New("the control plane is ending")

// Codes of errors about a machine that has ended on its own.
const (
	// CodePanic: the guest's kernel has panicked.
	CodePanic = "guest_panic"
	// CodeVMMDied: the VMM has ended under it.
	CodeVMMDied = "vmm_died"
	// CodeLost: it has rebooted or powered off, or the host no longer has it.
	CodeLost = "vm_lost"
)

// Lost reports whether err has one of these codes.
func Lost(err error) bool {
	return apierr.Is(err, CodePanic) || apierr.Is(err, CodeVMMDied) || apierr.Is(err, CodeLost)
}

// Config is what a Manager works with.
type Config struct {
	Host      Host
	Artefacts *Artefacts
	// Epoch is the control plane's.
	Epoch int64
	// BootTimeout bounds the time from boot until the agent takes connections.
	BootTimeout time.Duration
	// Templates is how many templates are kept on the host; 0 makes and uses
	// none.
	Templates int
	// Prefix begins the ids of templates.
	Prefix string
	Log    logrus.FieldLogger
}

// Manager makes and finds sandboxes. Its methods are safe for concurrent use.
type Manager struct {
	host        Host
	artefacts   *Artefacts
	epoch       int64
	bootTimeout time.Duration
	templates   int
	prefix      string
	log         logrus.FieldLogger
	blobs       blobs
}

// NewManager returns a Manager. It needs no Close.
func NewManager(cfg Config) *Manager {
	return &Manager{
		host: cfg.Host, artefacts: cfg.Artefacts, epoch: cfg.Epoch,
		bootTimeout: cfg.BootTimeout, templates: cfg.Templates, prefix: cfg.Prefix, log: cfg.Log,
		blobs: blobs{host: cfg.Host, present: make(map[string]bool)},
	}
}

// BootTimeout bounds the time from boot to the agent's first answer.
func (m *Manager) BootTimeout() time.Duration { return m.bootTimeout }

// Kernel returns the release of the kernel that guests boot.
func (m *Manager) Kernel() string { return m.artefacts.Kernel() }

// Host returns the compute host.
func (m *Manager) Host() Host { return m.host }

// Sandbox is a running machine with an agent that has answered.
type Sandbox struct {
	manager *Manager
	id      string
	vmm     string
	guest   *guestclient.Client
	timings []cardplane.Timing
	// template is the one that the machine was started from, "" for none.
	template string

	removals removals // of devices

	stop    context.CancelFunc // ends watch
	watched chan struct{}      // closed when watch has ended
	alive   context.Context    // ends, with the reason as cause, when the machine is lost
	kill    context.CancelCauseFunc
}

// attach makes the Sandbox of a machine that vmmd runs, and watches it.
func (m *Manager) attach(ctx context.Context, vm hostapi.VM) *Sandbox {
	s := &Sandbox{
		manager: m, id: vm.Id, vmm: string(vm.Vmm),
		watched: make(chan struct{}),
	}
	if vm.Spec.Snapshot != nil {
		s.template = *vm.Spec.Snapshot
	}
	s.removals.changed = make(chan struct{})
	s.alive, s.kill = context.WithCancelCause(context.Background())
	s.guest = guestclient.New(s.dial, m.epoch)
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	go s.watch(ctx)
	return s
}

// dial connects to a vsock port of the guest.
func (s *Sandbox) dial(ctx context.Context, port uint32) (net.Conn, error) {
	return vsock.Dial(ctx, func(ctx context.Context) (net.Conn, error) {
		return s.manager.host.Tunnel(ctx, s.id, hostapi.Vsock)
	}, port)
}

// dialVMM connects to the API of the machine's VMM.
func (s *Sandbox) dialVMM(ctx context.Context) (net.Conn, error) {
	return s.manager.host.Tunnel(ctx, s.id, hostapi.Api)
}

// ID returns the machine's id on the host.
func (s *Sandbox) ID() string { return s.id }

// VMM returns the name of the VMM that runs the machine.
func (s *Sandbox) VMM() string { return s.vmm }

// Guest returns the client of the machine's agent.
func (s *Sandbox) Guest() *guestclient.Client { return s.guest }

// Usage returns what the machine takes from the host, nil where the host does
// not say.
func (s *Sandbox) Usage(ctx context.Context) (*hostapi.VMUsage, error) {
	vm, err := s.manager.host.VM(ctx, s.id)
	return vm.Usage, err
}

// Timings returns the steps of the start, in order. An adopted sandbox has none.
func (s *Sandbox) Timings() []cardplane.Timing { return s.timings }

// Evidence is Manager.Evidence for this sandbox.
func (s *Sandbox) Evidence(ctx context.Context) []string { return s.manager.Evidence(ctx, s.id) }

// Close stops watching. The machine goes on.
func (s *Sandbox) Close() {
	s.stop()
	<-s.watched
	s.guest.Close()
}

// PowerOff ends the machine in order, so that its file systems are whole, and
// returns when it has ended or timeout has passed. Destroy must follow.
func (s *Sandbox) PowerOff(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(s.alive, cancel)()
	// The machine may be down before its answer is through, so the answer
	// counts for less than the end of the machine.
	for retry := guestclient.NewBackoff(); ; {
		err := s.guest.PowerOff(ctx, 0)
		if err == nil {
			<-ctx.Done()
		} else if !guestclient.Refused(err) && retry.Wait(ctx) == nil {
			continue
		}
		if s.alive.Err() != nil {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		return fmt.Errorf("power off sandbox %s: %w", s.id, err)
	}
}

// Destroy closes the sandbox and deletes the machine, running or not.
func (s *Sandbox) Destroy(ctx context.Context) error {
	s.Close()
	return s.manager.Destroy(ctx, s.id)
}

// Destroy deletes the machine with that id, running or not. It succeeds when
// there is none.
func (m *Manager) Destroy(ctx context.Context, id string) error {
	if err := m.host.DeleteVM(ctx, id, 0); err != nil {
		return fmt.Errorf("delete VM %s: %w", id, err)
	}
	return nil
}
