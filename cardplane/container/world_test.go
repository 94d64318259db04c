package container_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/cardplanetest"
	"github.com/cardplane/cardplane/cardplane/container"
	"github.com/cardplane/cardplane/cardplane/event"
	"github.com/cardplane/cardplane/cardplane/image"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/cardplane/system"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

func TestMain(m *testing.M) {
	vmtest.BecomeVMM()
	useMemory()
	goleak.VerifyTestMain(m)
}

// useMemory has the tests' directories in memory where there is a file system
// for that: processes are killed here, machines are not, so that nothing has to
// be waited for until it is on a disk, which is half of the time.
func useMemory() {
	const dir = "/dev/shm"
	probe, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return
	}
	_ = os.Remove(probe)
	_ = os.Setenv("TMPDIR", dir)
}

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = time.Minute

// world is a compute host with guests, and the card's directories: what
// outlives a control plane.
type world struct {
	t           *testing.T
	ctx         context.Context
	host        *hosttest.Host
	net         *hostNet
	names       container.NameService
	user        bool // networks run in user mode where the host has none
	dial        func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	dir         string
	guest       string
	bootTimeout time.Duration
	killTimeout time.Duration
	templates   int
	ready       *sandbox.Spec    // the size whose template is made at once
	wire        *linktest.Cutter // nil: the link cannot be cut
	logged      io.Writer        // takes what control planes log; nil is the test's output

	mu     sync.Mutex
	agents []*agenttest.Agent
	guests []*linktest.Cutter // what leads to each agent
}

// newWorld makes a world whose guests boot as cmdline says; empty means that
// they have an agent.
func newWorld(t *testing.T, cmdline string) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, dir: t.TempDir(), bootTimeout: patience, net: newHostNet()}
	if cmdline == "" {
		cmdline = vmtest.NewAgents(t, w.startAgent).Cmdline
	}
	w.host = hosttest.New(t, nil)
	w.guest = vmtest.Artefacts(t, cmdline)
	return w
}

// link opens the link of a control plane.
func (w *world) link() *link.Link {
	w.t.Helper()
	if w.wire == nil {
		return w.host.Link()
	}
	l, err := link.Open(w.wire.Endpoint(), link.WithPulse(50*time.Millisecond, 250*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(l.Close)
	return l
}

func (w *world) startAgent() (string, <-chan struct{}) {
	a := agenttest.StartWithVolumes(w.t, filepath.Join(w.dir, "volumes"))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agents = append(w.agents, a)
	path := filepath.Join(filepath.Dir(a.Socket), "wire")
	wire, err := linktest.New(path, linktest.Unix(a.Socket))
	if err != nil {
		w.t.Error(err)
		return a.Socket, a.PoweredOff()
	}
	w.t.Cleanup(func() { _ = wire.Close() })
	w.guests = append(w.guests, wire)
	return path, a.PoweredOff()
}

func testLog(t *testing.T) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(t.Output())
	log.SetLevel(logrus.DebugLevel)
	return log
}

// plane is a control plane.
type plane struct {
	*container.Service
	w         *world
	store     *store.Store
	images    *image.Store
	events    *event.Journal
	host      *faultyHost
	artefacts *sandbox.Artefacts
	closed    bool
}

// open starts a control plane in the world, ended at the test's end at the
// latest. fault may be nil.
func (w *world) open(fault func(op string) bool) *plane {
	w.t.Helper()
	p := &plane{w: w}
	log := p.log()
	var err error
	if p.store, err = store.Open(filepath.Join(w.dir, "state.db")); err != nil {
		w.t.Fatal(err)
	}
	if p.events, err = event.Open(p.store.DB(), 1000); err != nil {
		w.t.Fatal(err)
	}
	if p.images, err = image.Open(image.Options{Dir: filepath.Join(w.dir, "images"), Log: log}); err != nil {
		w.t.Fatal(err)
	}
	if p.artefacts, err = sandbox.OpenArtefacts(w.guest); err != nil {
		w.t.Fatal(err)
	}
	m := &mortal{crash: p.freeze, fault: fault}
	p.host = &faultyHost{realHost: sandbox.OverLink(w.link()), net: w.net, mortal: m}
	p.Service, err = container.Open(container.Config{
		Store: p.store, Images: p.images, Events: faultyJournal{p.events, m}, LogDir: filepath.Join(w.dir, "logs"), Log: log,
		Names:        w.names,
		UserNetworks: w.user, DialOutside: w.dial,
		ReachTimeout: time.Second, KillTimeout: w.killTimeout, QuietTime: 5 * time.Millisecond, Ready: w.ready,
		Sandboxes: sandbox.NewManager(sandbox.Config{
			Host: p.host, Artefacts: p.artefacts, Epoch: p.store.Epoch(), BootTimeout: w.bootTimeout, Log: log,
			Templates: w.templates, Prefix: p.store.ID() + "-",
		}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.close)
	if _, err := p.images.Load(w.ctx, bytes.NewReader(cardplanetest.Archive(cardplane.ImageConfig{}, "test:latest")), cardplane.LoadOptions{}); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// close ends the control plane.
func (p *plane) close() {
	if p.closed {
		return
	}
	p.closed = true
	err := errors.Join(p.Service.Close(), p.images.Close(), p.store.Close())
	if err != nil {
		p.w.t.Errorf("close the control plane: %v", err)
	}
}

// closeDead releases what a control plane holds that was killed.
func (p *plane) closeDead() {
	p.closed = true
	p.host.dying.Wait()
	// The store is closed, so some of this fails.
	_ = errors.Join(p.Service.Close(), p.images.Close())
}

// forget deletes a container from the store of a control plane that has ended.
func (p *plane) forget(id string) {
	p.w.t.Helper()
	s, err := store.Open(filepath.Join(p.w.dir, "state.db"))
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	all, err := s.Load()
	if err != nil {
		p.w.t.Fatal(err)
	}
	for _, rec := range all {
		if rec.Container.ID == id {
			err = s.Remove(rec)
		}
	}
	if err != nil {
		p.w.t.Fatal(err)
	}
}

func (p *plane) log() logrus.FieldLogger {
	log := testLog(p.w.t)
	if p.w.logged != nil {
		log.SetOutput(p.w.logged)
	}
	return log
}

// freeze lets nothing that the control plane does from now on take effect, as
// if it had been killed.
func (p *plane) freeze() { _ = p.store.Close() }

func (p *plane) system() cardplane.SystemService {
	return system.New(system.Config{Host: p.host, Artefacts: p.artefacts, DataDir: p.w.dir, Epoch: p.store.Epoch(), DiskUsage: p.DiskUsage, UserNetworks: p.w.user})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cardplanetest.Conform(t, func(t *testing.T) cardplanetest.Harness {
		p := newWorld(t, "").open(nil)
		return cardplanetest.Harness{
			Containers: p, Images: p.Images(), Volumes: p.Volumes(), Networks: p.Networks(), Configs: p.Configs(), Secrets: p.Secrets(), Sandboxes: p.Sandboxes(), Events: p.events, System: p.system(), Image: "test",
		}
	})
}
