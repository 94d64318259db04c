package vmmtest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
	"github.com/cardplane/cardplane/vmm/vsock"
)

// patience bounds every wait of the suite. Nothing takes that long; it turns a
// hang into a failure.
const patience = 4 * time.Minute

// Subject is an implementation under test.
type Subject struct {
	// Name is what the report calls it.
	Name string
	// Start starts a VMM. It lives until the end of the test at the latest.
	Start func(t testing.TB, opts StartOptions) Process
	// Payload returns what boots a guest that speaks the protocol of
	// command guest. It skips the test where there is none.
	Payload func(t testing.TB) chapi.PayloadConfig
	// Inert says why guests can be started here and get nowhere; it leaves out
	// the cases in which they have to do something. Empty: they work.
	Inert string
	// Differences are the ways in which it is known to differ. Those that name
	// a case leave it out.
	Differences []Difference
	// Report takes the outcome of every case. It may be nil.
	Report *Report

	// skip leaves a case with the reason, for the report.
	skip func(t testing.TB, why string)
}

// StartOptions are what a case wants of its VMM.
type StartOptions struct {
	// Socket is the path of the API socket.
	Socket string
	// NoShutdown keeps the VMM when its guest powers off.
	NoShutdown bool
}

// Process is a VMM that was started.
type Process interface {
	// Events returns the event monitor's stream.
	Events() *vmm.EventDecoder
	// Terminate asks the process to end in order, as SIGTERM does.
	Terminate()
	// Kill ends it as SIGKILL does; it returns when the process is gone and
	// fails the test if anything it started is not.
	Kill()
	// Wait returns the exit code once the process has ended by itself.
	Wait(ctx context.Context) (int, error)
}

// bench is one case's VMM with what the case needs around it.
type bench struct {
	*testing.T
	ctx     context.Context
	subject Subject
	dir     string
	socket  string
	proc    Process
	vmm     *vmm.VMM
	events  chan vmm.EventKind

	mu      sync.Mutex
	details map[vmm.EventKind]map[string]string
}

// newBench starts a VMM and waits until it answers.
func newBench(t *testing.T, s Subject, opts StartOptions) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	dir := shortDir(t)
	opts.Socket = dir + "/api.sock"
	b := &bench{T: t, ctx: ctx, subject: s, dir: dir, socket: opts.Socket}
	b.launch(opts)
	return b
}

func (b *bench) launch(opts StartOptions) {
	b.Helper()
	b.proc = b.subject.Start(b.T, opts)
	b.vmm = vmm.New(vmm.UnixDialer(b.socket))
	b.Cleanup(b.vmm.Close)
	b.events = make(chan vmm.EventKind, 1024)
	b.mu.Lock()
	b.details = map[vmm.EventKind]map[string]string{}
	b.mu.Unlock()
	decoder, events := b.proc.Events(), b.events
	go func() {
		defer close(events)
		for {
			e, err := decoder.Next()
			if err != nil {
				return
			}
			b.note(e)
			events <- e.Kind
		}
	}()
	if _, err := b.vmm.WaitReady(b.ctx); err != nil {
		b.Fatalf("the VMM does not answer: %v", err)
	}
}

// guestConfig is a VM whose guest speaks the protocol of command guest.
func (b *bench) guestConfig() chapi.VmConfig {
	b.Helper()
	payload := b.subject.Payload(b.T)
	nested := false
	return chapi.VmConfig{
		Cpus:    &chapi.CpusConfig{BootVcpus: 1, MaxVcpus: 1, Nested: &nested, CoreScheduling: chapi.CoreSchedulingOff},
		Memory:  &chapi.MemoryConfig{Size: 256 << 20},
		Payload: &payload,
		Serial:  &chapi.SerialConfig{Mode: chapi.ConsoleModeFile, File: b.dir + "/serial"},
		Console: &chapi.ConsoleConfig{Mode: chapi.ConsoleModeOff},
		Vsock:   &chapi.VsockConfig{Cid: 3, Socket: b.dir + "/vsock"},
		Pvpanic: true,
	}
}

// bootGuest creates and boots cfg and returns once the guest obeys, if it
// ever will.
func (b *bench) bootGuest(cfg chapi.VmConfig) {
	b.Helper()
	b.ok(b.vmm.Create(b.ctx, cfg))
	b.ok(b.vmm.Boot(b.ctx))
	b.awaitGuest()
}

func (b *bench) awaitGuest() {
	b.Helper()
	if b.subject.Inert != "" {
		return
	}
	conn, err := vsock.DialRetry(b.ctx, b.dialVsock, guestPort)
	if err != nil {
		b.Fatalf("the guest does not come up: %v\n%s", err, b.serial())
	}
	_ = conn.Close()
}

func (b *bench) dialVsock(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", b.dir+"/vsock")
}
