package container_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// sandbox makes a sandbox called pod.
func (p *plane) sandbox() cardplane.Sandbox {
	p.w.t.Helper()
	s, err := p.Sandboxes().Create(p.w.ctx, cardplane.SandboxSpec{Name: "pod"}, "")
	return must(p.w.t, s, err)
}

// inPod puts a container into the sandbox called pod.
func inPod(s *cardplane.ContainerSpec) { s.Sandbox = "pod" }

// plugged returns the names of what the only VM was given after its start.
func (w *world) plugged() []string {
	w.t.Helper()
	vms, err := w.host.Link().VMs(w.ctx)
	if must(w.t, vms, err); len(vms) != 1 {
		w.t.Fatalf("%d VMs", len(vms))
	}
	var names []string
	if vms[0].Plugged != nil {
		for _, a := range *vms[0].Plugged {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Containers of a sandbox share one machine. The end of one leaves the others
// and takes its disk from the machine; the machine goes with the last.
func TestSandboxIsShared(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.sandbox()
	a, b := p.run("sleep 1000", inPod), p.run("echo b; exit 3", inPod)
	c := p.run("sleep 1000", inPod)
	if a.SandboxID != b.SandboxID || a.SandboxID != c.SandboxID || a.Guest.BootID != c.Guest.BootID {
		t.Errorf("machines %s, %s, %s", a.SandboxID, b.SandboxID, c.SandboxID)
	}
	if ended := p.end(b.ID); ended.ExitCode != 3 || p.output(b.ID) != "b\n" {
		t.Errorf("exit code %d, output %q", ended.ExitCode, p.output(b.ID))
	}
	// A start waits until the earlier run has left the machine.
	again, err := p.Start(w.ctx, b.ID)
	if must(t, again, err); again.SandboxID != a.SandboxID {
		t.Errorf("started again in %s, not %s", again.SandboxID, a.SandboxID)
	}
	p.end(b.ID)
	if err := p.Remove(w.ctx, b.ID, true, ""); err != nil {
		t.Error(err)
	}
	if got := w.plugged(); len(got) != 3 || !strings.HasPrefix(got[0], "img-") {
		t.Errorf("plugged %v", got)
	}
	if got, err := p.Sandboxes().Get(w.ctx, "pod"); err != nil || got.State != cardplane.SandboxRunning || len(got.Containers) != 2 {
		t.Errorf("sandbox %+v, %v", got, err)
	}
	for _, id := range []string{a.ID, c.ID} {
		stopped, err := p.Stop(w.ctx, id, cardplane.StopOptions{})
		must(t, stopped, err)
	}
	w.wantClean(p, 2)
	if got, err := p.Sandboxes().Get(w.ctx, "pod"); err != nil || got.State != cardplane.SandboxIdle {
		t.Errorf("sandbox %+v, %v", got, err)
	}
}

// Whoever starts at once gets into one machine.
func TestSandboxStartedAtOnce(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.sandbox()
	var ids []string
	for range 4 {
		ids = append(ids, p.create("exit 4", inPod).ID)
	}
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			if _, err := p.Start(w.ctx, id); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if c := p.end(id); c.ExitCode != 4 {
			t.Errorf("exit code %d, error %v", c.ExitCode, c.Error)
		}
	}
	w.wantClean(p, 4)
}

// What is the sandbox's cannot be a container's own.
func TestSandboxOptions(t *testing.T) {
	p := newWorld(t, "").open(nil)
	p.sandbox()
	for field, change := range map[string]func(*cardplane.ContainerSpec){
		"/resources/vcpus":     func(s *cardplane.ContainerSpec) { s.Resources.VCPUs = 1 },
		"/resources/hugePages": func(s *cardplane.ContainerSpec) { s.Resources.HugePages = true },
		"/resources/cpuset":    func(s *cardplane.ContainerSpec) { s.Resources.CPUSet = "0" },
		"/hostname":            func(s *cardplane.ContainerSpec) { s.Hostname = "own" },
		"/shmBytes":            func(s *cardplane.ContainerSpec) { s.ShmBytes = 1 << 20 },
	} {
		spec := cardplane.ContainerSpec{Image: "test", Command: []string{"true"}, Sandbox: "pod"}
		change(&spec)
		_, err := p.Create(p.w.ctx, spec, "")
		if !apierr.Is(err, "option_of_sandbox") || apierr.From(err).Field != field {
			t.Errorf("%s: %v at %q", field, err, apierr.From(err).Field)
		}
	}
	for _, limit := range []int64{1, -1, 1 << 40} {
		_, err := p.Create(p.w.ctx, cardplane.ContainerSpec{
			Image: "test", Command: []string{"true"}, Sandbox: "pod", Resources: cardplane.Resources{MemoryBytes: limit},
		}, "")
		if !apierr.Is(err, "invalid_memory_limit") {
			t.Errorf("%d bytes: %v", limit, err)
		}
	}
	_, err := p.Create(p.w.ctx, cardplane.ContainerSpec{Image: "test", Command: []string{"true"}, Sandbox: "nonesuch"}, "")
	if !apierr.Is(err, "sandbox_not_found") || apierr.From(err).Field != "/sandbox" {
		t.Errorf("no sandbox: %v", err)
	}
}

// The death of the VMM fails all containers with the reason, and those that
// their policy starts again share a new machine.
func TestSandboxVMMDies(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.sandbox()
	always := func(s *cardplane.ContainerSpec) { s.Restart.Mode = cardplane.RestartAlways }
	a, b := p.run("sleep 1000", inPod), p.run("sleep 1000", inPod, always)
	c := p.run("sleep 1000", inPod, always)
	vm, err := w.host.Link().VM(w.ctx, a.SandboxID)
	must(t, vm, err)
	if err := syscall.Kill(vm.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := p.end(a.ID); got.State != cardplane.Failed || got.EndReason != cardplane.EndVMMDied {
		t.Errorf("state %s, reason %s, error %v", got.State, got.EndReason, got.Error)
	}
	again := func(c cardplane.Container) bool { return c.State == cardplane.Running && c.RestartCount == 1 }
	b, c = w.until(p, b.ID, again), w.until(p, c.ID, again)
	if b.SandboxID != c.SandboxID || b.SandboxID == a.SandboxID {
		t.Errorf("machines %s, %s after %s", b.SandboxID, c.SandboxID, a.SandboxID)
	}
	if err := p.Sandboxes().Remove(w.ctx, "pod", false); !apierr.Is(err, "sandbox_in_use") {
		t.Errorf("remove: %v", err)
	}
	if err := p.Sandboxes().Remove(w.ctx, "pod", true); err != nil {
		t.Error(err)
	}
	w.wantClean(p, 0)
}

// A restart of one container leaves the machine and the others.
func TestRestartInSandbox(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.sandbox()
	a, b := p.run("sleep 1000", inPod), p.run("sleep 1000", inPod)
	again, err := p.Restart(w.ctx, b.ID, cardplane.StopOptions{})
	must(t, again, err)
	if again.State != cardplane.Running || again.SandboxID != a.SandboxID || !again.StartedAt.After(b.StartedAt) {
		t.Errorf("state %s in %s, started at %s", again.State, again.SandboxID, again.StartedAt)
	}
	if got, err := p.Get(w.ctx, a.ID); err != nil || got.State != cardplane.Running {
		t.Errorf("the other is %s, %v", got.State, err)
	}
}

// A guest that does not let go of a container loses its machine, and all that
// is in it is told why.
func TestSandboxGuestUnresponsive(t *testing.T) {
	w := newWorld(t, "")
	w.killTimeout = 100 * time.Millisecond
	p := w.open(nil)
	p.sandbox()
	a, b := p.run("sleep 1000", inPod), p.run("sleep 1000", inPod)
	w.guests[0].Stall()
	stopped, err := p.Stop(w.ctx, b.ID, cardplane.StopOptions{})
	must(t, stopped, err)
	for _, id := range []string{a.ID, b.ID} {
		if got := p.end(id); got.State != cardplane.Failed || !apierr.Is(got.Error, "guest_unresponsive") {
			t.Errorf("state %s, error %v", got.State, got.Error)
		}
	}
	w.wantClean(p, 2)
}

// Two containers of a sandbox write to one volume. Another machine cannot
// before theirs is gone.
func TestVolumeInSandbox(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.sandbox()
	data := func(s *cardplane.ContainerSpec) {
		s.Volumes = []cardplane.VolumeMount{{Volume: "data", Path: "/data"}}
	}
	a, b := p.run("sleep 1000", inPod, data), p.run("sleep 1000", inPod, data)
	alone := p.create("true", data)
	if _, err := p.Start(w.ctx, alone.ID); !apierr.Is(err, "volume_in_use") || !strings.Contains(err.Error(), "sandbox pod") {
		t.Errorf("start: %v", err)
	}
	if _, err := p.Volumes().Resize(w.ctx, "data", 2*cardplane.DefaultVolumeBytes); err != nil && !apierr.Is(err, "device_not_found") {
		t.Errorf("resize: %v", err)
	}
	for _, id := range []string{a.ID, b.ID} {
		if err := p.Remove(w.ctx, id, true, ""); err != nil {
			t.Error(err)
		}
	}
	started, err := p.Start(w.ctx, alone.ID)
	must(t, started, err)
	p.end(alone.ID)
	w.wantClean(p, 2)
}

// The control plane is killed before and after every call that it makes to the
// host while two containers of a sandbox come up and down. Whatever the point,
// the next one brings both to their end, each program runs exactly once, and
// its output and exit code are whole.
func TestSandboxKilledAtEveryStep(t *testing.T) {
	for _, point := range sandboxCrashPoints(t) {
		t.Run(point.String(), func(t *testing.T) {
			w := newWorld(t, "")
			fault := point.fault()
			p := w.open(fault.check)
			ids := p.pair(w)
			var starting sync.WaitGroup
			starting.Go(func() { p.startInTurn(ids) })
			select {
			case <-fault.hit:
			case <-w.ctx.Done():
				t.Fatal("the control plane was never killed")
			}
			p.closeDead()
			starting.Wait()

			p = w.open(nil)
			p.startInTurn(ids) // what was not begun
			for i, id := range ids {
				w.wantWhole(p, i, id)
			}
			w.wantClean(p, len(ids))
		})
	}
}

// pair makes two containers in a sandbox that tell of each run.
func (p *plane) pair(w *world) []string {
	p.sandbox()
	var ids []string
	for i := range 2 {
		script := fmt.Sprintf("echo ran >> %s; echo out; echo err >&2; exit %d", filepath.Join(w.dir, fmt.Sprint("ran", i)), 7+i)
		ids = append(ids, p.create(script, inPod).ID)
	}
	return ids
}

// startInTurn starts those that were never started, and waits for their ends.
func (p *plane) startInTurn(ids []string) {
	for _, id := range ids {
		if c, err := p.Get(p.w.ctx, id); err != nil || c.State != cardplane.Created {
			continue
		}
		_, _ = p.Start(p.w.ctx, id)
	}
	for _, id := range ids {
		_, _ = p.Wait(p.w.ctx, id, cardplane.WaitNotRunning)
	}
}

// wantWhole checks the end of the ith container of a pair.
func (w *world) wantWhole(p *plane, i int, id string) {
	w.t.Helper()
	got := p.end(id)
	if got.State != cardplane.Exited || got.ExitCode != 7+i {
		w.t.Fatalf("container %d: state %s, exit code %d, error %+v", i, got.State, got.ExitCode, got.Error)
	}
	if out := p.output(id); strings.Count(out, "out\n") != 1 || strings.Count(out, "err\n") != 1 || len(out) != 8 {
		w.t.Errorf("container %d: output %q", i, out)
	}
	if ran, err := os.ReadFile(filepath.Join(w.dir, fmt.Sprint("ran", i))); string(ran) != "ran\n" {
		w.t.Errorf("container %d ran as %q (%v), want once", i, ran, err)
	}
}

// sandboxCrashPoints runs a pair once to see which calls there are.
func sandboxCrashPoints(t *testing.T) []crashPoint {
	var mu sync.Mutex
	counts := make(map[string]int)
	var points []crashPoint
	w := newWorld(t, "")
	p := w.open(func(op string) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(op, ".create") {
			return false // it is killed once both are there
		}
		// How often the agent and the VMM are asked depends on the time.
		if counts[op]++; counts[op] <= 3 {
			points = append(points, crashPoint{op, counts[op]})
		}
		return false
	})
	ids := p.pair(w)
	p.startInTurn(ids)
	w.wantClean(p, len(ids))
	p.close()
	if len(points) < 16 {
		t.Fatalf("only %d points: %v", len(points), points)
	}
	return points
}

// A control plane that ends begins no machine in the place of one whose start it
// has let go of.
func TestSandboxIsLeftWhenEnding(t *testing.T) {
	w := newWorld(t, "silent")
	p := w.open(nil)
	p.sandbox()
	a, b := p.create("true", inPod), p.create("true", inPod)
	var starting sync.WaitGroup
	starting.Go(func() { _, _ = p.Start(w.ctx, a.ID) })
	w.until(p, a.ID, func(c cardplane.Container) bool { return c.State == cardplane.Starting })
	machine := p.claimed(store.VM)
	if err := p.Service.Close(); err != nil {
		t.Error(err)
	}
	starting.Wait()
	if _, err := p.Start(w.ctx, b.ID); !apierr.Is(err, "shutting_down") {
		t.Errorf("start: %v", err)
	}
	if got := p.claimed(store.VM); !slices.Equal(got, machine) {
		t.Errorf("machines %v, had %v", got, machine)
	}
}

// A control plane that ends leaves a sandbox as it is, and the next one takes
// up all of its containers in the same machine.
func TestSandboxTakenUp(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	made := p.sandbox()
	a, b := p.run("sleep 1000", inPod), p.run("sleep 1000", inPod)
	p.close()
	p = w.open(nil)
	if got, err := p.Sandboxes().Get(w.ctx, "pod"); err != nil || got.ID != made.ID || got.State != cardplane.SandboxRunning {
		t.Errorf("sandbox %+v, %v", got, err)
	}
	c := p.run("exit 5", inPod)
	if got := p.end(c.ID); got.ExitCode != 5 || got.SandboxID != a.SandboxID || b.SandboxID != a.SandboxID {
		t.Errorf("exit code %d in %s", got.ExitCode, got.SandboxID)
	}
	if err := p.Sandboxes().Remove(w.ctx, "pod", true); err != nil {
		t.Error(err)
	}
	w.wantClean(p, 0)
	if n := len(p.claimed(store.VM)); n != 0 {
		t.Errorf("%d machines in the ledger", n)
	}
}

// Wherever the link is cut while two containers of a sandbox come up and down,
// each program runs once, and its output and exit code are whole.
func TestSandboxLinkCutAnywhere(t *testing.T) {
	t.Parallel()
	life := func(w *world) {
		p := w.open(nil)
		p.startInTurn(p.pair(w))
		w.wantClean(p, 2)
	}
	places(t, 6, life, func(t *testing.T, w *world, d linktest.Direction, at int64) {
		p := w.open(nil)
		w.cutAt(d, at)
		ids := p.pair(w)
		p.startInTurn(ids)
		for i, id := range ids {
			w.wantWhole(p, i, id)
		}
		w.wantClean(p, len(ids))
	})
}

// A sandbox can be removed while the host is away. What it had there goes when
// the host is back.
func TestSandboxRemovedWhileLinkIsDown(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	p.sandbox()
	p.run("sleep 1000", inPod)
	p.run("sleep 1000", inPod)
	w.wire.Down()
	var removed sync.WaitGroup
	removed.Go(func() {
		if err := p.Sandboxes().Remove(w.ctx, "pod", true); err != nil {
			t.Error(err)
		}
	})
	w.up()
	removed.Wait()
	w.wantClean(p, 0)
}
