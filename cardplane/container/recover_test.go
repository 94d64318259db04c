package container_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// must ends the test at an error.
func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatalf("%+v", err)
	}
	return v
}

// create makes a container that runs a script.
func (p *plane) create(script string, change ...func(*cardplane.ContainerSpec)) cardplane.Container {
	p.w.t.Helper()
	spec := cardplane.ContainerSpec{Image: "test", Command: []string{"sh", "-c", script}}
	for _, f := range change {
		f(&spec)
	}
	c, err := p.Create(p.w.ctx, spec, "")
	return must(p.w.t, c, err)
}

// run creates and starts a container that runs a script.
func (p *plane) run(script string, change ...func(*cardplane.ContainerSpec)) cardplane.Container {
	p.w.t.Helper()
	c, err := p.Start(p.w.ctx, p.create(script, change...).ID)
	return must(p.w.t, c, err)
}

// end waits for a container's end.
func (p *plane) end(id string) cardplane.Container {
	p.w.t.Helper()
	c, err := p.Wait(p.w.ctx, id, cardplane.WaitNotRunning)
	return must(p.w.t, c, err)
}

// output returns the journal of a container that has ended.
func (p *plane) output(id string) string {
	p.w.t.Helper()
	r, err := p.Logs(p.w.ctx, id, cardplane.LogOptions{Stdout: true, Stderr: true, Tail: -1})
	must(p.w.t, r, err)
	defer func() { _ = r.Close() }()
	var out strings.Builder
	for {
		rec, err := r.Next(p.w.ctx)
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			p.w.t.Fatal(err)
		}
		if rec.Lost > 0 {
			p.w.t.Errorf("%d bytes of output are lost", rec.Lost)
		}
		out.Write(rec.Data)
	}
}

// wantClean waits until the host has no VM and just so many disks, and checks
// that the ledger says the same.
func (w *world) wantClean(p *plane, disks int) {
	w.t.Helper()
	l := w.host.Link()
	for {
		vms, err := l.VMs(w.ctx)
		must(w.t, vms, err)
		all, err := l.Disks(w.ctx)
		must(w.t, all, err)
		networks, forwards, nics := w.net.left()
		if claims := p.claims(); len(vms) == 0 && len(all) == disks && claims == disks && networks+forwards+nics == 0 {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("left on the host: %d VMs, %d disks (want %d), %d networks, %d forwards, %d machines' interfaces, in the ledger %d claims",
				len(vms), len(all), disks, networks, forwards, nics, p.claims())
		}
	}
}

// claims counts what the ledger has beside blobs.
func (p *plane) claims() int {
	ledger, err := p.store.Ledger()
	must(p.w.t, ledger, err)
	return len(slices.DeleteFunc(ledger, func(r store.Resource) bool { return r.Kind == store.Blob }))
}

// The control plane is killed before and after every call that it makes to the
// host in a container's life, and every event. Whatever the point, the next one
// brings the container to its end, the program runs exactly once, its output and
// exit code are whole, and each event is there once and in its place.
func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	points := crashPoints(t, func(p *plane) (string, error) { return p.live(p.w.script(), p.wantOutput) })
	if len(points) < 24 {
		t.Fatalf("only %d points: %v", len(points), points)
	}
	for _, point := range points {
		t.Run(point.String(), func(t *testing.T) {
			w := newWorld(t, "")
			w.killed(point, func(p *plane) { _, _ = p.live(w.script(), func(string) {}) })
			p := w.open(nil)
			id, err := p.live(w.script(), p.wantOutput)
			if err != nil {
				t.Fatalf("%+v", err)
			}
			if ran, err := os.ReadFile(w.marker()); string(ran) != "ran\n" {
				t.Errorf("the program ran as %q (%v), want once", ran, err)
			}
			p.wantEvents(id, cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.ContainerExited, cardplane.ContainerRemoved)
			w.wantClean(p, 0)
		})
	}
}

// published is a container that publishes a port.
func published(spec *cardplane.ContainerSpec) {
	spec.Ports = []cardplane.Port{{ContainerPort: 80}}
}

func (w *world) marker() string { return filepath.Join(w.dir, "ran") }

func (w *world) script() string {
	return fmt.Sprintf("echo ran >> %s; echo out; echo err >&2; exit 7", w.marker())
}

// killed has a control plane do something until it is killed at point.
func (w *world) killed(point crashPoint, do func(*plane)) {
	w.t.Helper()
	fault := point.fault()
	p := w.open(fault.check)
	var doing sync.WaitGroup
	doing.Go(func() { do(p) })
	select {
	case <-fault.hit:
	case <-w.ctx.Done():
		w.t.Fatal("the control plane was never killed")
	}
	p.closeDead()
	doing.Wait()
}

// live takes a container from where it is to its removal, as a client does that
// begins anew with the same idempotency key. ended is called in between.
func (p *plane) live(script string, ended func(id string)) (id string, err error) {
	spec := cardplane.ContainerSpec{Image: "test", Command: []string{"sh", "-c", script}}
	published(&spec)
	if _, err := p.Secrets().Create(p.w.ctx, cardplane.ContentSpec{Name: "key", Data: []byte("value")}, "key"); err != nil {
		return "", err
	}
	secretAt("")(&spec)
	c, err := p.Create(p.w.ctx, spec, "key")
	if err != nil {
		return "", err
	}
	id = c.ID
	c, err = p.Get(p.w.ctx, id)
	if apierr.Is(err, "container_not_found") {
		return id, nil
	}
	if err == nil && c.State == cardplane.Created {
		_, err = p.Start(p.w.ctx, id)
	}
	if err != nil {
		return id, err
	}
	if c, err = p.Wait(p.w.ctx, id, cardplane.WaitNotRunning); err != nil {
		return id, err
	}
	if c.State != cardplane.Exited || c.ExitCode != 7 {
		return id, fmt.Errorf("state %s, exit code %d: %w", c.State, c.ExitCode, c.Error)
	}
	ended(id)
	return id, p.Remove(p.w.ctx, id, false, "")
}

// wantOutput checks what the program of a whole life has written.
func (p *plane) wantOutput(id string) {
	p.w.t.Helper()
	if out := p.output(id); strings.Count(out, "out\n") != 1 || strings.Count(out, "err\n") != 1 || len(out) != 8 {
		p.w.t.Errorf("output %q", out)
	}
}

// wantEvents checks the types of all events of an object.
func (p *plane) wantEvents(id string, want ...cardplane.EventType) {
	p.w.t.Helper()
	if got := p.eventsOf(id); !slices.Equal(got, want) {
		p.w.t.Errorf("events %v, want %v", got, want)
	}
}

// crashPoint is the nth time that the control plane gets to op.
type crashPoint struct {
	op  string
	nth int
}

func (c crashPoint) String() string { return fmt.Sprintf("%s %d", c.op, c.nth) }

// fault fires at its point.
type fault struct {
	point crashPoint
	seen  int
	hit   chan struct{}
}

func (c crashPoint) fault() *fault { return &fault{point: c, hit: make(chan struct{})} }

func (f *fault) check(op string) bool {
	if op != f.point.op {
		return false
	}
	if f.seen++; f.seen != f.point.nth {
		return false
	}
	close(f.hit)
	return true
}

// crashPoints lives a life once to see which calls and events there are.
func crashPoints(t *testing.T, life func(*plane) (string, error)) []crashPoint {
	t.Helper()
	var mu sync.Mutex
	counts := make(map[string]int)
	var points []crashPoint
	w := newWorld(t, "")
	p := w.open(func(op string) bool {
		mu.Lock()
		defer mu.Unlock()
		counts[op]++
		// The number of attempts to reach the agent, and of its
		// connections, depends on the time.
		if counts[op] <= 3 {
			points = append(points, crashPoint{op, counts[op]})
		}
		return false
	})
	if _, err := life(p); err != nil {
		t.Fatalf("%+v", err)
	}
	p.close()
	return points
}

// A control plane that ends in order leaves containers running, and the next
// one takes them up with what they wrote meanwhile.
func TestRestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	gate := filepath.Join(w.dir, "gate")
	c := p.run(fmt.Sprintf("echo one; while [ ! -e %s ]; do sleep 0.01; done; echo two; exit 3", gate))
	p.close()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p = w.open(nil)
	got := p.end(c.ID)
	if got.ExitCode != 3 || p.output(c.ID) != "one\ntwo\n" {
		t.Errorf("exit code %d, output %q", got.ExitCode, p.output(c.ID))
	}
	w.wantClean(p, 1)
}

// Output that is produced while the control plane is killed again and again
// is neither lost nor doubled.
func TestOutputSurvivesRestarts(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	const lines = 20000
	c := p.run(fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo line $i; i=$((i+1)); done", lines))
	for range 3 {
		p.close()
		p = w.open(nil)
		w.cutStreams()
	}
	if got := p.end(c.ID); got.State != cardplane.Exited {
		t.Fatalf("state %s: %+v", got.State, got.Error)
	}
	var want strings.Builder
	for i := range lines {
		fmt.Fprintf(&want, "line %d\n", i)
	}
	if out := p.output(c.ID); out != want.String() {
		t.Errorf("%d bytes of output, want %d", len(out), want.Len())
	}
}

// cutStreams breaks every connection to every agent.
func (w *world) cutStreams() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.agents {
		a.CutStreams()
	}
}

// While the host is away the API works, and the container is taken up when
// the host is back.
func TestHostAwayAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	p := w.open(nil)
	gate := filepath.Join(w.dir, "gate")
	c := p.run(fmt.Sprintf("while [ ! -e %s ]; do sleep 0.01; done; exit 3", gate))
	p.close()
	w.host.Stop()

	p = w.open(nil)
	waiting, err := p.Service.Wait(w.ctx, "nonesuch", cardplane.WaitNotRunning)
	if !apierr.Is(err, "container_not_found") {
		t.Errorf("wait for an unknown container: %v %v", waiting, err)
	}
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.Reason == "waiting for the compute host" })
	if err := p.Kill(w.ctx, c.ID, "TERM"); !apierr.Is(err, "host_unavailable") {
		t.Errorf("kill while the host is away: %v", err)
	}
	other := p.create("true")
	if _, err := p.Start(w.ctx, other.ID); !apierr.Is(err, "host_unavailable") {
		t.Errorf("start while the host is away: %v", err)
	}
	w.host.Start()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.end(c.ID); got.ExitCode != 3 {
		t.Errorf("state %s, exit code %d, %+v", got.State, got.ExitCode, got.Error)
	}
	if _, err := p.Start(w.ctx, other.ID); err != nil {
		t.Errorf("start once the host is back: %v", err)
	}
}

// until waits for a container to be as wanted.
func (w *world) until(p *plane, id string, wanted func(cardplane.Container) bool) cardplane.Container {
	w.t.Helper()
	for {
		c, err := p.Get(w.ctx, id)
		must(w.t, c, err)
		if wanted(c) {
			return c
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("the container stays %s (%s): %+v", c.State, c.Reason, c.Error)
		}
	}
}

// A machine that is gone when the control plane comes back is a failure that
// says so; the container can be started again.
func TestMachineGoneAfterRestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	p.close()
	if err := w.host.Link().DeleteVM(w.ctx, c.SandboxID, 0); err != nil {
		t.Fatal(err)
	}
	p = w.open(nil)
	got := p.end(c.ID)
	if got.State != cardplane.Failed || !apierr.Is(got.Error, sandbox.CodeLost) {
		t.Fatalf("state %s, error %v", got.State, got.Error)
	}
	again, err := p.Start(w.ctx, c.ID)
	must(t, again, err)
	if again.State != cardplane.Running || again.Error != nil || again.SandboxID == c.SandboxID {
		t.Errorf("started again: %+v", again)
	}
}

// What is on the host and belongs to nothing is removed.
func TestLeftoversAreRemoved(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	p.close()
	// The container is forgotten with its machine running, as a store that
	// was restored from a backup does.
	p.forget(c.ID)
	p = w.open(nil)
	w.wantClean(p, 0)
	if _, err := os.Stat(filepath.Join(w.dir, "logs", c.ID)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the journal is still there: %v", err)
	}
}

// An older control plane that comes back to life cannot command a guest that
// a newer one has taken over.
func TestStaleEpoch(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	p.close()
	p = w.open(nil)
	for p.Kill(w.ctx, c.ID, "CONT") != nil { // from here on the guest knows the new epoch
		w.until(p, c.ID, func(c cardplane.Container) bool { return c.Reason == "" })
	}
	sb, err := sandbox.NewManager(sandbox.Config{
		Host: sandbox.OverLink(w.host.Link()), Artefacts: p.artefacts, Epoch: p.store.Epoch() - 1, Log: p.log(),
	}).Adopt(w.ctx, c.SandboxID)
	must(t, sb, err)
	defer sb.Close()
	if err := sb.Guest().KillContainer(w.ctx, c.ID, 9); !apierr.Is(err, "stale_epoch") {
		t.Errorf("command of an older epoch: %v", err)
	}
	if got, err := p.Get(w.ctx, c.ID); err != nil || got.State != cardplane.Running {
		t.Errorf("state %s, %v", got.State, err)
	}
}

// A control plane whose guests obey a newer one, as with a store that was
// copied, lets them go: it neither ends nor deletes what it no longer owns.
func TestTakenOver(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	sb, err := sandbox.NewManager(sandbox.Config{
		Host: sandbox.OverLink(w.host.Link()), Artefacts: p.artefacts, Epoch: p.store.Epoch() + 1, Log: p.log(),
	}).Adopt(w.ctx, c.SandboxID)
	must(t, sb, err)
	defer sb.Close()
	if err := sb.Guest().KillContainer(w.ctx, c.ID, 18); err != nil { // SIGCONT
		t.Fatal(err)
	}
	w.cutStreams()
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.Reason == "another control plane has taken it over" })
	err = sb.Guest().KillContainer(w.ctx, c.ID, 9)
	if apierr.Is(err, guestclient.CodeUnreachable) { // over a connection that was cut as well
		err = sb.Guest().KillContainer(w.ctx, c.ID, 9)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sb.Guest().WaitContainer(w.ctx, c.ID); err != nil || got.ExitCode != 137 {
		t.Errorf("the newer control plane's view: %+v, %v", got, err)
	}
	p.close() // whatever it was still doing is done
	if vm, err := w.host.Link().VM(w.ctx, c.SandboxID); err != nil || vm.State != hostapi.Running {
		t.Errorf("the machine is %s, %v", vm.State, err)
	}
}
