// Package agenttest runs the agent's real HTTP API and stream server in a
// test's own process, without a VM and without root, for tests of the side
// that talks to it.
//
// Programs are run as they are on the machine that runs the test, in process
// groups of their own: a container's command is looked up on the test's PATH,
// devices and mounts are not looked at. A container's end ends its execs, as
// in a PID namespace.
package agenttest

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/guest-agent/server"
	"github.com/cardplane/cardplane/guest-agent/sysctl"
	"github.com/cardplane/cardplane/openapi/guestapi"
	"github.com/cardplane/cardplane/openapi/guestwire"
)

// Agent is a running agent.
type Agent struct {
	// Socket is the path of a unix socket that speaks the hybrid-vsock
	// protocol ("CONNECT <port>\n", "OK <port>\n") for the agent's two ports.
	Socket string
	// Containers are the agent's.
	Containers *container.Manager
	// Network is the agent's, whose resolver can be asked.
	Network *network.Network

	mounts     *mounts
	links      links
	mux        *portMux
	cancel     context.CancelFunc
	done       chan error
	poweredOff atomic.Bool
	renewals   atomic.Int64
	off        chan struct{}
	offOnce    sync.Once
}

// Start starts an agent that is closed when the test ends.
func Start(tb testing.TB) *Agent {
	tb.Helper()
	return StartWithVolumes(tb, "")
}

// StartWithVolumes is Start with the directory in which the files of volumes
// are, for other agents too; "" is none that others have.
func StartWithVolumes(tb testing.TB, volumes string) *Agent {
	tb.Helper()
	log := logrus.New()
	log.SetOutput(tb.Output())
	// Not tb.TempDir, whose path may be too long for a socket.
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		tb.Fatal(err)
	}
	if err := makeParameters(dir); err != nil {
		tb.Fatal(err)
	}
	a := &Agent{mounts: newMounts(), Socket: filepath.Join(dir, "vsock"), done: make(chan error, 1), off: make(chan struct{})}
	a.Containers = container.NewManager(log, func() guestapi.Machine { return identity }, newRuntime(dir), roots{dir: dir, volumes: cmp.Or(volumes, filepath.Join(dir, "volumes")), mounts: a.mounts}, sysctl.Dir(dir))
	if a.mux, err = listenMux(a.Socket); err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.Network = network.New(&a.links, netip.MustParseAddrPort("127.0.0.1:53"))
	srv := server.New(log, a.Containers, machine{agent: a, started: time.Now()}, a.Network)
	control, streams := a.mux.port(guestwire.ControlPort), a.mux.port(guestwire.StreamPort)
	go func() { a.done <- srv.Serve(ctx, control, streams) }()
	tb.Cleanup(func() {
		if err := a.close(); err != nil {
			tb.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	return a
}

// Dial connects to a port of the agent.
func (a *Agent) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	return dialHybrid(ctx, a.Socket, port)
}

// CutStreams breaks every connection there is at this moment, to both ports,
// as a controller that is killed does.
func (a *Agent) CutStreams() { a.mux.cut() }

// AwaitHealth waits until the health check of the container id says status.
func (a *Agent) AwaitHealth(tb testing.TB, id string, status guestapi.HealthStatus) {
	tb.Helper()
	for known := int64(-1); ; {
		h, err := a.Containers.Health(tb.Context(), id, known)
		if err != nil || tb.Context().Err() != nil {
			tb.Fatalf("the health of %s: %v", id, err)
		}
		if known = h.Probes; h.Status == status {
			return
		}
	}
}

// Renewals is how often the machine was renewed.
func (a *Agent) Renewals() int { return int(a.renewals.Load()) }

// PoweredOff is closed once a power-off was asked for and has ended every
// container.
func (a *Agent) PoweredOff() <-chan struct{} { return a.off }

func (a *Agent) close() error {
	a.cancel()
	err := <-a.done
	a.mux.close()
	if a.poweredOff.Load() {
		<-a.off
	}
	return errors.Join(err, a.Containers.Close(context.Background()), a.Network.Close())
}

// machine implements server.Machine.
type machine struct {
	agent   *Agent
	started time.Time
}

// Info implements server.Machine with made-up figures.
func (m machine) Info() (guestapi.Info, error) {
	return guestapi.Info{
		Machine:       identity,
		BootSteps:     []guestapi.BootStep{{Name: "mount", Milliseconds: 1}},
		UptimeSeconds: time.Since(m.started).Seconds(),
	}, nil
}

// identity is made up.
// makeParameters makes the kernel parameters that there are.
func makeParameters(dir string) error {
	if err := os.Mkdir(filepath.Join(dir, "kernel"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "kernel", "hostname"), nil, 0o600)
}

var identity = guestapi.Machine{AgentVersion: "test", KernelRelease: "6.12.0-test", BootId: "00000000-0000-4000-8000-000000000000"}

// Memory implements server.Machine with made-up figures.
func (m machine) Memory() (guestapi.Memory, error) {
	return guestapi.Memory{TotalBytes: 256 << 20, AvailableBytes: 200 << 20, AgentResidentBytes: 10 << 20}, nil
}

// Renew implements server.Machine by counting.
func (m machine) Renew([]byte, time.Time) error {
	m.agent.renewals.Add(1)
	return nil
}

// PowerOff implements server.Machine.
func (m machine) PowerOff(grace time.Duration) {
	m.agent.offOnce.Do(func() {
		m.agent.poweredOff.Store(true)
		go func() {
			defer close(m.agent.off)
			m.agent.Containers.Shutdown(context.Background(), grace)
		}()
	})
}
