package crun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/reap"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// TestMain makes this process inherit orphans, as PID 1 does. With fakeEnv
// set it is the fake crun.
func TestMain(m *testing.M) {
	if dir := os.Getenv(fakeEnv); dir != "" {
		fakeCrun(dir, os.Args[1:])
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// fixture is a Runtime with a fake crun.
type fixture struct {
	*Runtime
	dir string
}

func newFixture(t *testing.T, scripts map[string]string) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir()}
	f.write(t, "delete", "exit 0")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range scripts {
		f.write(t, name, script)
	}
	log := logrus.New()
	log.SetOutput(t.Output())
	reaper := reap.New()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- reaper.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	f.Runtime = New(Config{
		Path: self, StateDir: filepath.Join(f.dir, "state"), Dir: filepath.Join(f.dir, "starts"),
		CgroupRoot: filepath.Join(f.dir, "cgroup"), Env: append(os.Environ(), fakeEnv+"="+f.dir, "GORACE=atexit_sleep_ms=0"),
	}, reaper, log)
	return f
}

func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// io returns streams to nowhere, but for the standard error, which Head reads.
func (f *fixture) io(t *testing.T) container.IO {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = null.Close(), stderr.Close() })
	return container.IO{Files: [3]*os.File{null, null, stderr}, Head: func(context.Context, int) []byte {
		text, err := os.ReadFile(stderr.Name())
		if err != nil {
			t.Error(err)
		}
		return text
	}}
}

func (f *fixture) runIt(t *testing.T, ctx context.Context) (container.Process, error) {
	t.Helper()
	return f.Run(ctx, "c1", &specs.Spec{Process: &specs.Process{Args: []string{"prog"}}}, f.io(t))
}

func (f *fixture) execIt(t *testing.T) (container.Process, error) {
	t.Helper()
	return f.Exec(t.Context(), "c1", "", &specs.Process{Args: []string{"prog"}}, f.io(t))
}

// noLeftovers checks that no directory of a start is left.
func (f *fixture) noLeftovers(t *testing.T) {
	t.Helper()
	if left, err := os.ReadDir(f.config.Dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func (f *fixture) calls(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A process that is gone before its pid was read keeps its exit code.
func TestRunOfAShortProcess(t *testing.T) {
	f := newFixture(t, map[string]string{"run": "orphan exit 42"})
	p, err := f.runIt(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := p.Exit(); got.Code != 42 || got.Signal != 0 || got.At.IsZero() {
		t.Fatalf("%+v", got)
	}
	f.noLeftovers(t)
}

func TestRunAndSignal(t *testing.T) {
	f := newFixture(t, map[string]string{"run": "orphan exec sleep 1000"})
	p, err := f.runIt(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if got := p.Exit(); got.Code != 143 || got.Signal != 15 {
		t.Fatalf("%+v", got)
	}
	call, _, _ := strings.Cut(f.calls(t), "\n")
	for _, want := range []string{"--cgroup-manager cgroupfs", "run --pid-file", "--detach --bundle", " c1"} {
		if !strings.Contains(call, want) {
			t.Errorf("no %q in %q", want, call)
		}
	}
}

// A failed run is classified, carries crun's log, and is cleaned up.
func TestRunFailure(t *testing.T) {
	f := newFixture(t, map[string]string{
		"run": "log {\"msg\":\"executable file `prog` not found in $PATH: No such file or directory\",\"level\":\"error\"}\nexit 1",
	})
	_, err := f.runIt(t, t.Context())
	if !apierr.Is(err, "command_not_found") || len(apierr.From(err).Evidence) != 1 {
		t.Fatalf("%+v", err)
	}
	if !strings.Contains(f.calls(t), "delete --force c1") {
		t.Errorf("not deleted: %s", f.calls(t))
	}
	f.noLeftovers(t)
}

// A program that cannot be executed is known only after crun's success.
func TestRunOfAnUnexecutable(t *testing.T) {
	message := `{"msg":"exec container process ` + "`/prog`" + `: Exec format error","level":"error","time":"x"}`
	f := newFixture(t, map[string]string{"message": message})
	f.write(t, "run", "unexecuted cat "+f.dir+"/message >&2; exit 1")
	if _, err := f.runIt(t, t.Context()); !apierr.Is(err, "command_not_executable") {
		t.Fatalf("%+v", err)
	}
	f.write(t, "exec", "log {\"msg\":\"exec: No such file or directory\",\"level\":\"error\"}\nunexecuted exit 1")
	if _, err := f.execIt(t); !apierr.Is(err, "command_not_found") {
		t.Fatalf("%+v", err)
	}
}

// A program that fails by itself, with words of its own, has been started.
func TestRunOfAFailingProgram(t *testing.T) {
	f := newFixture(t, map[string]string{"run": "orphan echo oops >&2; exit 1"})
	p, err := f.runIt(t, t.Context())
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if p.Exit().Code != 1 {
		t.Fatalf("%+v", p.Exit())
	}
}

func TestOddRuntimes(t *testing.T) {
	for name, script := range map[string]string{
		"silent failure": "exit 3",
		"no pid file":    "exit 0",
		"odd pid file":   "pid x",
		"foreign pid":    "pid 4194303",
		"killed":         "kill",
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, map[string]string{"run": script, "exec": script})
			if _, err := f.runIt(t, t.Context()); !apierr.Is(err, "start_failed") {
				t.Errorf("run: %v", err)
			}
			if _, err := f.execIt(t); !apierr.Is(err, "start_failed") {
				t.Errorf("exec: %v", err)
			}
		})
	}
}

// A crun that hangs is killed when the time is over.
func TestHangingRuntime(t *testing.T) {
	f := newFixture(t, map[string]string{"run": "hang"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.runIt(t, ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
}

func TestDelete(t *testing.T) {
	f := newFixture(t, map[string]string{"delete": "exit 1", "cgroup/containers/c1/x": ""})
	if err := os.Remove(filepath.Join(f.dir, "cgroup/containers/c1/x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), "c1"); err != nil {
		t.Fatalf("of nothing: %v", err)
	}
	if _, err := os.Stat(f.cgroup("c1")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the cgroup is left: %v", err)
	}
	f.write(t, "state/c1/status", "")
	if err := f.Delete(t.Context(), "c1"); err == nil {
		t.Fatal("a failure was swallowed")
	}
}

func TestCgroup(t *testing.T) {
	f := newFixture(t, nil)
	sleeper, err := f.reaper.Start([]string{"/bin/sleep", "1000"}, &procAttr)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "cgroup/containers/c1/cgroup.procs", "0\n")
	f.write(t, "cgroup/containers/c1/inner/cgroup.procs", fmt.Sprintln(sleeper.Pid()))
	if err := f.SignalAll("c1", unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status, err := sleeper.Wait(t.Context()); err != nil || status.Signal != 15 {
		t.Fatalf("%+v, %v", status, err)
	}
	f.write(t, "cgroup/containers/c1/cgroup.kill", "")
	if err := f.SignalAll("c1", unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(f.cgroup("c1"), "cgroup.kill")); err != nil || string(text) != "1" {
		t.Fatalf("%q, %v", text, err)
	}
	if err := f.SignalAll("gone", unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for events, want := range map[string][2]bool{
		"": {false, false}, "oom 3\noom_kill 0\n": {false, false},
		"oom 3\noom_kill 2\n": {true, true}, "oom 0\noom_kill 2\n": {true, false},
	} {
		f.write(t, "cgroup/containers/c1/memory.events", events)
		if killed, atLimit := f.OOMKilled("c1"); killed != want[0] || atLimit != want[1] {
			t.Errorf("%q: %v, %v", events, killed, atLimit)
		}
	}
}

// Limits hold together or not at all.
func TestLimit(t *testing.T) {
	f := newFixture(t, nil)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(f.cgroup("c1"), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	f.write(t, "cgroup/containers/c1/memory.stat", "anon 5000\nfile 1\n")
	f.write(t, "cgroup/containers/c1/memory.max", "max")
	f.write(t, "cgroup/containers/c1/cpu.max", "max 100000")
	if err := f.Limit("c1", guestapi.Limits{MemoryBytes: 6000, Cpus: 2, Pids: 7}); err == nil || read("memory.max") != "max" || read("cpu.max") != "max 100000" {
		t.Errorf("without pids.max: %v, %q, %q", err, read("memory.max"), read("cpu.max"))
	}
	f.write(t, "cgroup/containers/c1/pids.max", "max")
	if err := f.Limit("c1", guestapi.Limits{MemoryBytes: 4000}); !apierr.Is(err, "memory_in_use") || read("memory.max") != "max" {
		t.Errorf("%v, %q", err, read("memory.max"))
	}
	if err := f.Limit("c1", guestapi.Limits{MemoryBytes: 6000, Cpus: 2, Pids: 7}); err != nil {
		t.Fatal(err)
	}
	if got := read("memory.max") + " " + read("cpu.max") + " " + read("pids.max"); got != "6000 200000 100000 7" {
		t.Errorf("wrote %q", got)
	}
	if err := f.Limit("c1", guestapi.Limits{}); err != nil || read("memory.max") != "max" || read("cpu.max") != "max 100000" || read("pids.max") != "max" {
		t.Errorf("%v: %q %q %q", err, read("memory.max"), read("cpu.max"), read("pids.max"))
	}
}

// A freeze waits until the cgroup stands still, and is taken back where it
// does not.
func TestFreeze(t *testing.T) {
	f := newFixture(t, nil)
	freeze := filepath.Join(f.cgroup("c1"), "cgroup.freeze")
	for events, want := range map[string]string{"populated 1\nfrozen 1\n": "1", "populated 1\nfrozen 0\n": "0"} {
		f.write(t, "cgroup/containers/c1/cgroup.events", events)
		ctx, cancel := context.WithCancel(t.Context())
		if want == "0" {
			cancel()
		}
		err := f.Freeze(ctx, "c1", true)
		cancel()
		if text, readErr := os.ReadFile(freeze); (err == nil) != (want == "1") || readErr != nil || string(text) != want {
			t.Errorf("%q: %v; wrote %q, %v", events, err, text, readErr)
		}
	}
	if err := f.Freeze(t.Context(), "c1", false); err != nil {
		t.Fatal(err)
	}
}

func TestConsole(t *testing.T) {
	// t.TempDir may be too long for a socket's path.
	dir, err := os.MkdirTemp("", "crun")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := listenConsole(filepath.Join(dir, "console"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	sendRights(t, filepath.Join(dir, "console"), int(w.Fd()))
	got, err := c.receive(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if _, err := got.WriteString("through"); err != nil {
		t.Fatal(err)
	}
	_ = got.Close()
	if text, err := io.ReadAll(r); err != nil || string(text) != "through" {
		t.Fatalf("%q, %v", text, err)
	}
	sendRights(t, filepath.Join(dir, "console"))
	if _, err := c.receive(time.Minute); err == nil {
		t.Fatal("a message without a descriptor was taken")
	}
}
