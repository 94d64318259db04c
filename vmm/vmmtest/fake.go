package vmmtest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/vmm"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// Fake is a VMM without a hypervisor: the API, the state table and the events
// are those of package chvmm, and its guest is Go code. It behaves as the
// conformance suite demands.
type Fake struct {
	t      testing.TB
	socket string
	vmm    *chvmm.VMM
	guest  *FakeGuest
	events *os.File
	cancel context.CancelFunc
	served chan struct{}
	err    error // of serving; read after served
}

// FakeOptions configure a Fake.
type FakeOptions struct {
	// Socket is the path of the API socket. Required.
	Socket string
	// NoShutdown keeps the VMM when its guest powers off.
	NoShutdown bool
	// Version is what ping says; empty is a version that is new enough.
	Version string
	// Guest answers what is sent to the guest's vsock ports. Nil is a guest
	// that listens nowhere.
	Guest *FakeGuest
}

// StartFake starts a Fake, which lives until the test ends at the latest.
func StartFake(t testing.TB, opts FakeOptions) *Fake {
	t.Helper()
	if opts.Version == "" {
		opts.Version = "53.0.0"
	}
	if opts.Guest == nil {
		opts.Guest = &FakeGuest{}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	f := &Fake{t: t, socket: opts.Socket, guest: opts.Guest, events: r, served: make(chan struct{})}
	listener, err := chvmm.ListenAPI(opts.Socket)
	if err != nil {
		// As a process would, it is there to be waited for, and has failed.
		f.err = err
		_ = w.Close()
		close(f.served)
		t.Cleanup(func() { _ = r.Close() })
		return f
	}
	f.vmm = chvmm.New(chvmm.Config{
		Platform:     fakePlatform{opts.Guest},
		Monitor:      chvmm.NewMonitor(w),
		Version:      opts.Version,
		BuildVersion: "fake-v" + opts.Version,
		NoShutdown:   opts.NoShutdown,
		Log:          log,
	})
	f.serve(listener, w, log)
	return f
}

// serve runs the Fake until it ends or the test does. It owns w, the writing
// end of the events.
func (f *Fake) serve(listener net.Listener, w *os.File, log logrus.FieldLogger) {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() {
		defer close(f.served)
		err := chvmm.Serve(ctx, listener, f.vmm, log)
		f.err = errors.Join(err, f.vmm.Close(), f.vmm.Err())
		_ = w.Close()
	}()
	f.t.Cleanup(func() {
		cancel()
		<-f.served
		_ = f.events.Close()
	})
}

// Dial opens a connection to the API socket.
func (f *Fake) Dial(ctx context.Context) (net.Conn, error) { return vmm.UnixDialer(f.socket)(ctx) }

// Guest returns the guest.
func (f *Fake) Guest() *FakeGuest { return f.guest }

// Events implements [Process].
func (f *Fake) Events() *vmm.EventDecoder { return vmm.NewEventDecoder(f.events) }

// Terminate implements [Process].
func (f *Fake) Terminate() { f.cancel() }

// Kill implements [Process] as far as a goroutine can be killed: it ends in
// order and takes its socket with it.
func (f *Fake) Kill() {
	f.cancel()
	<-f.served
}

// Wait implements [Process].
func (f *Fake) Wait(ctx context.Context) (int, error) {
	select {
	case <-f.served:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if f.err != nil {
		return 1, nil
	}
	return 0, nil
}

// FakeGuest is the guest of a Fake. The zero value listens nowhere.
type FakeGuest struct {
	// Boot is called for every boot with what the guest writes to the serial
	// port. It may be nil.
	Boot func(serial io.Writer)
	// Ports serve the connections to the guest's vsock ports. A handler owns
	// its connection.
	Ports map[uint32]func(net.Conn)
	// Button is called when the power button is pressed. It may be nil.
	Button func()

	mu      sync.Mutex
	machine *fakeMachine // nil: not running
	word    string       // see Remember
}

// PowerOff powers the guest off, if it runs.
func (g *FakeGuest) PowerOff() { g.end(chvmm.MachineEvent{Kind: chvmm.PoweredOff}) }

// Reset reboots the guest, if it runs.
func (g *FakeGuest) Reset() { g.end(chvmm.MachineEvent{Kind: chvmm.Reset}) }

// Crash ends the hypervisor below the guest, if it runs.
func (g *FakeGuest) Crash(err error) { g.end(chvmm.MachineEvent{Kind: chvmm.Crashed, Err: err}) }

// Panic reports a kernel panic through the pvpanic device and then resets, as
// a kernel with panic=-1 does.
func (g *FakeGuest) Panic() {
	g.Halt()
	g.Reset()
}

// Halt reports a kernel panic and does nothing more, as a kernel with panic=0
// does.
func (g *FakeGuest) Halt() { g.end(chvmm.MachineEvent{Kind: chvmm.Panicked, Detail: "panic"}) }

func (g *FakeGuest) running() *fakeMachine {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.machine
}

func (g *FakeGuest) setMachine(m *fakeMachine) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.machine = m
}

func (g *FakeGuest) end(e chvmm.MachineEvent) {
	if m := g.running(); m != nil {
		m.tell(e)
	}
}
