package container_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeProcess ends when it is told to.
type fakeProcess struct {
	once sync.Once
	done chan struct{}
	exit container.Exit
}

func (p *fakeProcess) Pid() int                    { return 42 }
func (p *fakeProcess) Done() <-chan struct{}       { return p.done }
func (p *fakeProcess) Exit() container.Exit        { return p.exit }
func (p *fakeProcess) OpenRoot() (*os.File, error) { return nil, os.ErrNotExist }
func (p *fakeProcess) OpenMounts() (namespace, list *os.File, err error) {
	return nil, nil, os.ErrNotExist
}
func (p *fakeProcess) end(exit container.Exit) { p.once.Do(func() { p.exit = exit; close(p.done) }) }
func (p *fakeProcess) Signal(sig syscall.Signal) error {
	p.end(container.Exit{Code: 128 + int(sig), Signal: int(sig)})
	return nil
}

// fakeWorld is a Runtime and Roots whose calls fail where told.
type fakeWorld struct {
	mu                 sync.Mutex
	fail               map[string]error
	spec               *specs.Spec
	processes          []*fakeProcess
	prepared           map[string]bool
	put                []string // for which containers files were put
	released           []string
	deleted            int
	oom                bool
	frozen             bool
	limits             guestapi.Limits
	mounted, unmounted []guestapi.Volume
	volume             string            // the directory of every volume
	opened             []guestapi.Volume // and not released
	begun              chan struct{}     // Run signals it, if set,
	goOn               chan struct{}     // and waits for this
}

func newWorld() *fakeWorld {
	return &fakeWorld{fail: map[string]error{}, prepared: map[string]bool{}}
}

func (w *fakeWorld) start(call string) (container.Process, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail[call]; err != nil {
		return nil, err
	}
	p := &fakeProcess{done: make(chan struct{})}
	w.processes = append(w.processes, p)
	return p, nil
}

func (w *fakeWorld) Run(ctx context.Context, _ string, spec *specs.Spec, _ container.IO) (container.Process, error) {
	if w.begun != nil {
		close(w.begun)
		<-w.goOn
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.spec = spec
	return w.start("run")
}

func (w *fakeWorld) Exec(_ context.Context, _, group string, _ *specs.Process, _ container.IO) (container.Process, error) {
	if group != "" {
		return w.start("probe")
	}
	return w.start("exec")
}

func (w *fakeWorld) EndGroup(context.Context, string, string) error { return w.fail["end"] }

func (w *fakeWorld) SignalAll(_ string, sig syscall.Signal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.processes {
		_ = p.Signal(sig)
	}
	return nil
}

func (w *fakeWorld) Freeze(_ context.Context, _ string, frozen bool) error {
	if err := w.fail["freeze"]; err != nil {
		return err
	}
	w.frozen = frozen
	return nil
}

func (w *fakeWorld) Usage(string) (guestapi.Stats, error) { return guestapi.Stats{}, nil }
func (w *fakeWorld) Pids(string) ([]int, error)           { return nil, nil }

func (w *fakeWorld) Limit(_ string, limits guestapi.Limits) error {
	w.limits = limits
	return w.fail["limit"]
}

func (w *fakeWorld) OOMKilled(string) (killed, atLimit bool) { return w.oom, w.oom }

func (w *fakeWorld) Delete(context.Context, string) error {
	w.deleted++
	return w.fail["delete"]
}

func (w *fakeWorld) Attach(_ context.Context, _ string, p container.Process, v guestapi.Volume) error {
	w.mounted = append(w.mounted, v)
	if w.fail["attach"] != nil {
		p.(*fakeProcess).end(container.Exit{})
	}
	return w.fail["attach"]
}

func (w *fakeWorld) Detach(_ context.Context, _ string, _ container.Process, _ string, mounts []guestapi.Volume) error {
	w.unmounted = append(w.unmounted, mounts...)
	return w.fail["detach"]
}

func (w *fakeWorld) GrowVolume(context.Context, string, int64) error { return nil }

func (w *fakeWorld) OpenVolume(_ context.Context, v guestapi.Volume) (*os.File, func() error, error) {
	dir, err := os.Open(w.volume)
	if err != nil {
		return nil, nil, err
	}
	w.opened = append(w.opened, v)
	return dir, func() error { w.opened = nil; return w.fail["unmount"] }, nil
}

func (w *fakeWorld) Prepare(_ context.Context, id string, _ *guestapi.ContainerConfig) (container.Root, error) {
	if err := w.fail["prepare"]; err != nil {
		return container.Root{}, err
	}
	w.prepared[id] = true
	return container.Root{Path: "/root/" + id, Mounts: []specs.Mount{{Destination: "/etc/hosts"}}}, nil
}

func (w *fakeWorld) SetParameters(params map[string]string) error {
	if params["vm.bad"] != "" {
		return apierr.New(apierr.InvalidArgument, "invalid_sysctl", "vm.bad")
	}
	return nil
}

func (w *fakeWorld) PutFile(id string, _ *guestapi.LiveFile) error {
	w.put = append(w.put, id)
	return w.fail["put"]
}

func (w *fakeWorld) Release(_ context.Context, id string) error {
	if err := w.fail["release"]; err != nil {
		return err
	}
	delete(w.prepared, id)
	w.released = append(w.released, id)
	return nil
}

func newManager(t *testing.T, w *fakeWorld) *container.Manager {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	m := container.NewManager(log, func() guestapi.Machine { return guestapi.Machine{} }, w, w, w)
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func config() *guestapi.ContainerConfig {
	return &guestapi.ContainerConfig{
		Spec:   specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}, Mounts: []specs.Mount{{Destination: "/proc"}}},
		Rootfs: guestapi.Rootfs{Image: guestapi.ImageDevice{Device: "img"}, Writable: guestapi.Writable{Kind: guestapi.WritableNone}},
	}
}

// The spec is the card's, with what only the agent knows.
func TestRuntimeSpec(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	c := config()
	c.Spec.Process.Terminal = true
	c.Spec.Annotations = map[string]string{"a": "b"}
	c.Terminal = guestapi.TerminalSize{Rows: 10, Cols: 20}
	if _, _, err := m.Put(t.Context(), "c1", c); err != nil {
		t.Fatal(err)
	}
	got := w.spec
	switch {
	case got.Root.Path != "/root/c1" || !got.Root.Readonly:
		t.Errorf("root %+v", got.Root)
	case len(got.Mounts) != 2 || got.Mounts[1].Destination != "/etc/hosts":
		t.Errorf("mounts %+v", got.Mounts)
	case got.Linux.CgroupsPath != "/containers/c1":
		t.Errorf("cgroup %q", got.Linux.CgroupsPath)
	case got.Process.ConsoleSize == nil || *got.Process.ConsoleSize != (specs.Box{Height: 10, Width: 20}):
		t.Errorf("console %+v", got.Process.ConsoleSize)
	case got.Annotations["a"] != "b":
		t.Errorf("annotations %v", got.Annotations)
	}
	if c.Spec.Root != nil || len(c.Spec.Mounts) != 1 || c.Spec.Linux != nil || c.Spec.Process.ConsoleSize != nil {
		t.Errorf("the request was changed: %+v", c.Spec)
	}
}

// Under the init the program is the init's to start.
func TestInit(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	c := config()
	c.Init = true
	if _, _, err := m.Put(t.Context(), "c1", c); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.spec.Process.Args, " "); got != "/dev/init -- x" {
		t.Errorf("runs %s", got)
	}
	if last := w.spec.Mounts[len(w.spec.Mounts)-1]; last.Destination != "/dev/init" || !slices.Contains(last.Options, "ro") {
		t.Errorf("mount %+v", last)
	}
	if len(c.Spec.Process.Args) != 1 || len(c.Spec.Mounts) != 1 {
		t.Errorf("the request was changed: %+v", c.Spec)
	}
}

// A parameter that the kernel refuses keeps the program from starting.
func TestBadParameter(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	c := config()
	c.Sysctls = map[string]string{"vm.bad": "1"}
	if _, _, err := m.Put(t.Context(), "c1", c); !apierr.Is(err, "invalid_sysctl") || len(m.List()) > 0 {
		t.Errorf("got %v, left %v", err, m.List())
	}
}

// A start that fails at any place leaves nothing, and can be repeated.
func TestFailedStarts(t *testing.T) {
	for _, call := range []string{"prepare", "run"} {
		w := newWorld()
		m := newManager(t, w)
		w.fail[call] = errors.New("no")
		if _, _, err := m.Put(t.Context(), "c1", config()); !errors.Is(err, w.fail[call]) {
			t.Errorf("%s: %v", call, err)
		}
		if len(m.List()) > 0 || len(w.prepared) > 0 {
			t.Errorf("%s: left %v, %v", call, m.List(), w.prepared)
		}
		delete(w.fail, call)
		if _, created, err := m.Put(t.Context(), "c1", config()); err != nil || !created {
			t.Errorf("%s: repeated: %v", call, err)
		}
	}
}

// A delete that fails half-way keeps the exit status, and can be repeated.
func TestFailedDeletes(t *testing.T) {
	for _, call := range []string{"delete", "release"} {
		w := newWorld()
		m := newManager(t, w)
		if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
			t.Fatal(err)
		}
		w.processes[0].end(container.Exit{Code: 9})
		w.fail[call] = errors.New("busy")
		if view, err := m.Wait(t.Context(), "c1"); err != nil || view.ExitCode != 9 {
			t.Fatalf("%+v, %v", view, err)
		}
		if err := m.Delete(t.Context(), "c1", false); !errors.Is(err, w.fail[call]) {
			t.Errorf("%s: %v", call, err)
		}
		if view, err := m.Get("c1"); err != nil || view.ExitCode != 9 {
			t.Errorf("%s: %+v, %v", call, view, err)
		}
		delete(w.fail, call)
		if err := m.Delete(t.Context(), "c1", false); err != nil {
			t.Errorf("%s: repeated: %v", call, err)
		}
	}
}

// A client that goes away does not undo the start that it asked for; until
// that is done the container is there, created.
func TestClientGoesAway(t *testing.T) {
	w := newWorld()
	w.begun, w.goOn = make(chan struct{}), make(chan struct{})
	m := newManager(t, w)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := m.Put(ctx, "c1", config())
		done <- err
	}()
	<-w.begun
	cancel()
	if view, err := m.Get("c1"); err != nil || view.State != guestapi.StateCreated || view.Pid != 0 {
		t.Errorf("%+v, %v", view, err)
	}
	if err := m.Kill("c1", 9, false); !apierr.Is(err, "container_not_running") {
		t.Errorf("kill: %v", err)
	}
	if _, _, err := m.Put(ctx, "c1", config()); !apierr.Is(err, "timeout") {
		t.Errorf("a second client that goes away: %v", err)
	}
	close(w.goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if view, err := m.Get("c1"); err != nil || view.State != guestapi.StateRunning {
		t.Fatalf("%+v, %v", view, err)
	}
}

func TestOOM(t *testing.T) {
	w := newWorld()
	w.oom = true
	m := newManager(t, w)
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	w.processes[0].end(container.Exit{Code: 137, Signal: 9})
	if view, err := m.Wait(t.Context(), "c1"); err != nil || !view.OomKilled || !view.OomAtLimit || view.Signal != 9 {
		t.Fatalf("%+v, %v", view, err)
	}
}

func TestLimit(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	limits := guestapi.Limits{MemoryBytes: 1 << 20, Cpus: 2, Pids: 3}
	if err := m.Limit("c1", limits); !apierr.Is(err, "container_not_found") {
		t.Fatal(err)
	}
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	if err := m.Limit("c1", limits); err != nil || w.limits != limits {
		t.Fatalf("%+v, %v", w.limits, err)
	}
	for _, bad := range []guestapi.Limits{{MemoryBytes: -1}, {Cpus: -1}, {Cpus: 1025}, {Pids: -1}} {
		if err := m.Limit("c1", bad); !apierr.Is(err, "invalid_config") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	w.processes[0].end(container.Exit{})
	if _, err := m.Wait(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Limit("c1", limits); !apierr.Is(err, "container_not_running") {
		t.Fatal(err)
	}
}

// What is paused takes no exec, and what cannot be paused is not.
func TestPause(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if err := m.Pause(t.Context(), "c1"); !apierr.Is(err, "container_not_found") {
		t.Fatal(err)
	}
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	exec := &guestapi.ExecConfig{Process: specs.Process{Args: []string{"x"}, Cwd: "/"}}
	for range 2 {
		if err := m.Pause(t.Context(), "c1"); err != nil || !w.frozen {
			t.Fatalf("frozen %v, %v", w.frozen, err)
		}
		if _, err := m.PutExec(t.Context(), "c1", "e1", exec); !apierr.Is(err, "container_paused") {
			t.Fatal(err)
		}
	}
	if err := m.Unpause(t.Context(), "c1"); err != nil || w.frozen {
		t.Fatalf("frozen %v, %v", w.frozen, err)
	}
	w.fail["freeze"] = errors.New("no")
	if err := m.Pause(t.Context(), "c1"); !errors.Is(err, w.fail["freeze"]) {
		t.Fatal(err)
	}
	delete(w.fail, "freeze")
	if _, err := m.PutExec(t.Context(), "c1", "e1", exec); err != nil {
		t.Fatal(err)
	}
	w.processes[0].end(container.Exit{})
	if _, err := m.Wait(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if err := m.Pause(t.Context(), "c1"); !apierr.Is(err, "container_not_running") {
		t.Fatal(err)
	}
}

// What is bounded says so.
func TestBounds(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	exec := &guestapi.ExecConfig{Process: specs.Process{Args: []string{"x"}, Cwd: "/"}}
	for i := range 257 {
		_, err := m.PutExec(t.Context(), "c1", "e"+string(rune('a'+i/26))+string(rune('a'+i%26)), exec)
		if i < 256 && err != nil || i == 256 && !apierr.Is(err, "too_many") {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := m.DeleteExec(t.Context(), "c1", "eaa", true); err != nil {
		t.Fatal(err)
	}
	if _, err := m.PutExec(t.Context(), "c1", "last", exec); err != nil {
		t.Fatal(err)
	}
}

func TestFailedExec(t *testing.T) {
	w := newWorld()
	m := newManager(t, w)
	if _, _, err := m.Put(t.Context(), "c1", config()); err != nil {
		t.Fatal(err)
	}
	w.fail["exec"] = errors.New("no")
	exec := &guestapi.ExecConfig{Process: specs.Process{Args: []string{"x"}, Cwd: "/"}}
	if _, err := m.PutExec(t.Context(), "c1", "e1", exec); !errors.Is(err, w.fail["exec"]) {
		t.Fatal(err)
	}
	if list, err := m.ListExecs("c1"); err != nil || len(list) > 0 {
		t.Fatalf("%v, %v", list, err)
	}
}
