package container_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm"
)

// What can never work is refused at creation, with the field at fault, and
// leaves nothing.
func TestBadInput(t *testing.T) {
	p := newWorld(t, "").open(nil)
	long := strings.Repeat("x", 64)
	for name, tc := range map[string]struct {
		change      func(*cardplane.ContainerSpec)
		code, field string
	}{
		"no image":           {func(s *cardplane.ContainerSpec) { s.Image = "" }, "missing_image", "/image"},
		"unknown image":      {func(s *cardplane.ContainerSpec) { s.Image = "nonesuch" }, "image_not_found", "/image"},
		"no image reference": {func(s *cardplane.ContainerSpec) { s.Image = "UPPER//case" }, "invalid_reference", "/image"},
		"name with a slash":  {func(s *cardplane.ContainerSpec) { s.Name = "a/b" }, "invalid_name", "/name"},
		"long name":          {func(s *cardplane.ContainerSpec) { s.Name = long }, "invalid_name", "/name"},
		"host name":          {func(s *cardplane.ContainerSpec) { s.Hostname = "-x" }, "invalid_hostname", "/hostname"},
		"empty variable":     {func(s *cardplane.ContainerSpec) { s.Env = map[string]string{"": "x"} }, "invalid_env", "/env"},
		"variable with =":    {func(s *cardplane.ContainerSpec) { s.Env = map[string]string{"A=B": "x"} }, "invalid_env", "/env"},
		"zero byte":          {func(s *cardplane.ContainerSpec) { s.Command = []string{"a\x00b"} }, "invalid_text", "/command"},
		"long command":       {func(s *cardplane.ContainerSpec) { s.Command = []string{strings.Repeat("x", 2<<20)} }, "too_long", "/command"},
		"no command":         {func(s *cardplane.ContainerSpec) { s.Command = nil }, "no_command", "/command"},
		"relative directory": {func(s *cardplane.ContainerSpec) { s.WorkingDir = "srv" }, "invalid_working_dir", "/workingDir"},
		"stop signal":        {func(s *cardplane.ContainerSpec) { s.StopSignal = "SIGNONE" }, "invalid_signal", "/stopSignal"},
		"unknown user":       {func(s *cardplane.ContainerSpec) { s.User = "nonesuch" }, "user_not_found", "/user"},
		"negative vCPUs":     {func(s *cardplane.ContainerSpec) { s.Resources.VCPUs = -1 }, "invalid_vcpus", "/resources/vcpus"},
		"bad CPU set":        {func(s *cardplane.ContainerSpec) { s.Resources.CPUSet = "3-1" }, "invalid_cpuset", "/resources/cpuset"},
		"absurd vCPUs":       {func(s *cardplane.ContainerSpec) { s.Resources.VCPUs = 1000 }, "invalid_vcpus", "/resources/vcpus"},
		"little memory":      {func(s *cardplane.ContainerSpec) { s.Resources.MemoryBytes = 1 }, "memory_too_small", "/resources/memoryBytes"},
		"negative memory":    {func(s *cardplane.ContainerSpec) { s.Resources.MemoryBytes = -1 }, "memory_too_small", "/resources/memoryBytes"},
		"absurd memory":      {func(s *cardplane.ContainerSpec) { s.Resources.MemoryBytes = 1<<63 - 1 }, "memory_too_large", "/resources/memoryBytes"},
		"little storage":     {func(s *cardplane.ContainerSpec) { s.Resources.StorageBytes = 1 }, "invalid_storage", "/resources/storageBytes"},
		"tiny log file":      {func(s *cardplane.ContainerSpec) { s.Logs.FileBytes = 1 }, "invalid_logs", "/logs/maxFileBytes"},
		"too many log files": {func(s *cardplane.ContainerSpec) { s.Logs.Files = 1 << 20 }, "invalid_logs", "/logs/maxFiles"},
		"grace period":       {func(s *cardplane.ContainerSpec) { s.StopSeconds = new(-1) }, "invalid_stop_timeout", "/stopTimeoutSeconds"},
		"annotation":         {func(s *cardplane.ContainerSpec) { s.Annotations = map[string]string{"run.oci.handler": "x"} }, "invalid_annotation", "/annotations"},
		"unknown group":      {func(s *cardplane.ContainerSpec) { s.Groups = []string{"nonesuch"} }, "group_not_found", "/groups"},
		"host entry":         {func(s *cardplane.ContainerSpec) { s.Hosts = []cardplane.HostEntry{{Name: "a b", Address: "::1"}} }, "invalid_host", "/hosts/0/name"},
		"address": {func(s *cardplane.ContainerSpec) {
			s.Hosts = []cardplane.HostEntry{{Name: "a", Address: "host-gateway"}}
		}, "invalid_host", "/hosts/0/address"},
		"small /dev/shm":     {func(s *cardplane.ContainerSpec) { s.ShmBytes = 1 }, "invalid_size", "/shmBytes"},
		"small tmpfs":        {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/a", SizeBytes: 1}} }, "invalid_size", "/tmpfs/0/sizeBytes"},
		"tmpfs over /":       {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/"}} }, "invalid_tmpfs", "/tmpfs/0/path"},
		"tmpfs in /proc":     {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/proc/1"}} }, "invalid_tmpfs", "/tmpfs/0/path"},
		"tmpfs above":        {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/a/../proc"}} }, "invalid_tmpfs", "/tmpfs/0/path"},
		"tmpfs twice":        {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/a"}, {Path: "/a"}} }, "invalid_tmpfs", "/tmpfs/1/path"},
		"tmpfs mode":         {func(s *cardplane.ContainerSpec) { s.Tmpfs = []cardplane.Tmpfs{{Path: "/a", Mode: "0,x"}} }, "invalid_tmpfs", "/tmpfs/0/mode"},
		"unknown limit":      {func(s *cardplane.ContainerSpec) { s.Ulimits = []cardplane.Ulimit{{Name: "as"}} }, "invalid_ulimit", "/ulimits/0/name"},
		"limit twice":        {func(s *cardplane.ContainerSpec) { s.Ulimits = []cardplane.Ulimit{{Name: "cpu"}, {Name: "cpu"}} }, "invalid_ulimit", "/ulimits/1/name"},
		"negative limit":     {func(s *cardplane.ContainerSpec) { s.Ulimits = []cardplane.Ulimit{{Name: "cpu", Soft: -2}} }, "invalid_ulimit", "/ulimits/0"},
		"soft over hard":     {func(s *cardplane.ContainerSpec) { s.Ulimits = []cardplane.Ulimit{{Name: "cpu", Soft: -1, Hard: 5}} }, "invalid_ulimit", "/ulimits/0/soft"},
		"too many files":     {func(s *cardplane.ContainerSpec) { s.Ulimits = []cardplane.Ulimit{{Name: "nofile", Hard: 1 << 21}} }, "invalid_ulimit", "/ulimits/0/hard"},
		"sysctl path":        {func(s *cardplane.ContainerSpec) { s.Sysctls = map[string]string{"vm/../x": "1"} }, "invalid_sysctl", "/sysctls"},
		"sysctl of hostname": {func(s *cardplane.ContainerSpec) { s.Sysctls = map[string]string{"kernel.hostname": "x"} }, "invalid_sysctl", "/sysctls"},
		"seccomp mode":       {func(s *cardplane.ContainerSpec) { s.Security.Seccomp = "loose" }, "invalid_seccomp", "/security/seccomp"},
		"two seccomps": {func(s *cardplane.ContainerSpec) {
			s.Security.Seccomp, s.Security.SeccompProfile = "unconfined", []byte("{}")
		}, "invalid_seccomp", "/security/seccomp"},
		"seccomp profile": {func(s *cardplane.ContainerSpec) { s.Security.SeccompProfile = []byte("{}") }, "invalid_seccomp_profile", "/security/seccompProfile"},
		"capability":      {func(s *cardplane.ContainerSpec) { s.Security.CapAdd = []string{"FLY"} }, "invalid_capability", "/security/capAdd"},
		"absurd storage":  {func(s *cardplane.ContainerSpec) { s.Resources.StorageBytes = 1 << 50 }, "invalid_storage", "/resources/storageBytes"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := cardplane.ContainerSpec{Image: "test", Command: []string{"true"}}
			tc.change(&spec)
			_, err := p.Create(p.w.ctx, spec, "")
			if !apierr.Is(err, tc.code) || apierr.From(err).Field != tc.field {
				t.Errorf("got %v (%s at %q), want %s at %q", err, apierr.From(err).Code, apierr.From(err).Field, tc.code, tc.field)
			}
		})
	}
	if all, err := p.List(p.w.ctx, cardplane.ContainerFilter{All: true}); err != nil || len(all) != 0 {
		t.Errorf("left behind: %v (%v)", all, err)
	}
}

// Defaults are filled in, and memory is rounded up to whole mebibytes.
func TestDefaults(t *testing.T) {
	p := newWorld(t, "").open(nil)
	c := p.create("true", func(s *cardplane.ContainerSpec) { s.Resources.MemoryBytes = 100<<20 + 1 })
	want := cardplane.Resources{VCPUs: 1, MemoryBytes: 101 << 20, StorageBytes: 10 << 30}
	if c.Spec.Resources != want {
		t.Errorf("resources %+v, want %+v", c.Spec.Resources, want)
	}
}

// A guest that never comes up fails the start with the console's last lines,
// and leaves nothing on the host.
func TestGuestPanics(t *testing.T) {
	w := newWorld(t, vmtest.BehavePanic)
	p := w.open(nil)
	c := p.create("true")
	session, err := p.Attach(w.ctx, c.ID, cardplane.AttachOptions{Replay: true})
	must(t, session, err)
	defer func() { _ = session.Close() }()
	got, err := p.Start(w.ctx, c.ID)
	if !apierr.Is(err, "guest_boot_failed") {
		t.Fatalf("start: %v", err)
	}
	evidence := strings.Join(apierr.From(err).Evidence, "\n")
	if !strings.Contains(evidence, vmtest.PanicText) {
		t.Errorf("evidence %q", evidence)
	}
	if got.State != cardplane.Failed || got.Error == nil || got.Error.Code != "guest_boot_failed" {
		t.Errorf("container %+v", got)
	}
	if _, err := session.Recv(w.ctx); !errors.Is(err, io.EOF) {
		t.Errorf("attached: %v", err)
	}
	if _, err := session.ExitCode(); !apierr.Is(err, "guest_boot_failed") {
		t.Errorf("exit code of a failed start: %v", err)
	}
	w.wantClean(p, 0)
	// The evidence is still there after a restart.
	p.close()
	p = w.open(nil)
	if again, err := p.Get(w.ctx, c.ID); err != nil || strings.Join(again.Error.Evidence, "\n") != evidence {
		t.Errorf("after a restart: %+v, %v", again.Error, err)
	}
}

// The death of a VMM is noticed at once, while the control plane runs.
func TestMachineKilled(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	vm, err := w.host.Link().VM(w.ctx, c.SandboxID)
	must(t, vm, err)
	if err := syscall.Kill(vm.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	got := p.end(c.ID)
	if got.State != cardplane.Failed || !apierr.Is(got.Error, sandbox.CodeVMMDied) || got.EndReason != cardplane.EndVMMDied || !strings.Contains(got.Error.Message, "signal 9") {
		t.Errorf("state %s, error %v", got.State, got.Error)
	}
	if evidence := strings.Join(got.Error.Evidence, "\n"); !strings.Contains(evidence, "Linux version") {
		t.Errorf("evidence %q", evidence)
	}
	w.wantClean(p, 1)
	// What was written stays: the next run has the same disk.
	again, err := p.Start(w.ctx, c.ID)
	must(t, again, err)
}

// A guest that reboots has lost what ran in it, although its VMM goes on.
func TestGuestReboots(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	machine := vmm.New(func(ctx context.Context) (net.Conn, error) {
		return w.host.Link().Tunnel(ctx, c.SandboxID, hostapi.Api)
	})
	defer machine.Close()
	if err := machine.Reboot(w.ctx); err != nil {
		t.Fatal(err)
	}
	got := p.end(c.ID)
	if got.State != cardplane.Failed || !apierr.Is(got.Error, sandbox.CodeLost) || got.EndReason != cardplane.EndVMLost {
		t.Errorf("state %s, reason %s, error %v", got.State, got.EndReason, got.Error)
	}
	w.wantClean(p, 1)
}

// Containers that are started together all come up.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	const many = 8
	var starts sync.WaitGroup
	ids := make([]string, many)
	for i := range ids {
		ids[i] = p.create(fmt.Sprintf("echo container %d; exit %d", i, i)).ID
	}
	for _, id := range ids {
		starts.Go(func() {
			if _, err := p.Start(w.ctx, id); err != nil {
				t.Errorf("%+v", err)
			}
		})
	}
	starts.Wait()
	for i, id := range ids {
		if c := p.end(id); c.ExitCode != i || p.output(id) != fmt.Sprintf("container %d\n", i) {
			t.Errorf("container %d: exit code %d, output %q", i, c.ExitCode, p.output(id))
		}
	}
	w.wantClean(p, many)
	for _, id := range ids {
		if err := p.Remove(w.ctx, id, false, ""); err != nil {
			t.Error(err)
		}
	}
	w.wantClean(p, 0)
}

// A start that somebody ends before its guest has come up ends at once.
func TestStartIsCanceled(t *testing.T) {
	for name, end := range map[string]func(p *plane, id string) error{
		"stop": func(p *plane, id string) error {
			_, err := p.Stop(p.w.ctx, id, cardplane.StopOptions{Timeout: patience})
			return err
		},
		"remove": func(p *plane, id string) error { return p.Remove(p.w.ctx, id, true, "") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, vmtest.BehaveSilent)
			p := w.open(nil)
			c := p.create("true")
			started := make(chan error, 1)
			go func() {
				_, err := p.Start(w.ctx, c.ID)
				started <- err
			}()
			w.until(p, c.ID, func(c cardplane.Container) bool { return c.Reason == "booting the virtual machine" })
			if err := p.Kill(w.ctx, c.ID, ""); !apierr.Is(err, "container_not_running") {
				t.Errorf("kill while it starts: %v", err)
			}
			if _, err := p.Start(w.ctx, c.ID); !apierr.Is(err, "container_already_running") {
				t.Errorf("second start: %v", err)
			}
			if err := end(p, c.ID); err != nil {
				t.Error(err)
			}
			if err := <-started; !apierr.Is(err, "start_canceled") {
				t.Errorf("start: %v", err)
			}
			w.wantClean(p, 0)
		})
	}
}

// The grace period ends in SIGKILL, also when the control plane is restarted
// within it.
func TestStopSurvivesARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("trap '' TERM; echo ready; while true; do sleep 0.05; done")
	w.awaitOutput(p, c.ID, "ready\n")
	stopped := make(chan error, 1)
	go func() {
		_, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{Timeout: 1})
		stopped <- err
	}()
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.State != cardplane.Running })
	p.close()
	<-stopped
	p = w.open(nil)
	if got := p.end(c.ID); got.State != cardplane.Exited || got.ExitCode != 137 {
		t.Errorf("state %s, exit code %d, %+v", got.State, got.ExitCode, got.Error)
	}
}

// awaitOutput reads the journal until it begins with want.
func (w *world) awaitOutput(p *plane, id, want string) {
	w.t.Helper()
	r, err := p.Logs(w.ctx, id, cardplane.LogOptions{Stdout: true, Follow: true, Tail: -1})
	must(w.t, r, err)
	defer func() { _ = r.Close() }()
	got := ""
	for !strings.HasPrefix(got, want) {
		rec, err := r.Next(w.ctx)
		must(w.t, rec, err)
		got += string(rec.Data)
	}
}

// With its last container and name, an image leaves the host as well.
func TestImageLeavesTheHost(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("true", func(s *cardplane.ContainerSpec) { s.ReadOnlyRoot = true })
	p.end(c.ID)
	images := p.Images()
	if _, err := images.Remove(w.ctx, "test", cardplane.RemoveOptions{Force: true}); !apierr.Is(err, "image_in_use") {
		t.Errorf("remove an image that is used: %v", err)
	}
	if err := p.Remove(w.ctx, c.ID, false, ""); err != nil {
		t.Fatal(err)
	}
	block, err := p.images.Block(w.ctx, c.ImageID)
	must(t, block, err)
	removed, err := images.Remove(w.ctx, "test", cardplane.RemoveOptions{})
	must(t, removed, err)
	for {
		if _, err := w.host.Link().Blob(w.ctx, block.Digest); apierr.Is(err, "blob_not_found") {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for {
		known, err := p.store.Claimed(store.Blob, block.Digest)
		if must(t, known, err); !known {
			break
		}
	}
	if _, err := p.Create(w.ctx, cardplane.ContainerSpec{Image: c.ImageID, Command: []string{"true"}}, ""); !apierr.Is(err, "image_not_found") {
		t.Errorf("create from a removed image: %v", err)
	}
}

// A wait that comes after an auto-removal still learns the exit code.
func TestWaitAfterAutoRemove(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("exit 9", func(s *cardplane.ContainerSpec) { s.AutoRemove = true })
	for {
		if _, err := p.Get(w.ctx, c.ID); apierr.Is(err, "container_not_found") {
			break
		}
	}
	if got := p.end(c.ID); got.ExitCode != 9 {
		t.Errorf("exit code %d", got.ExitCode)
	}
	w.wantClean(p, 0)
}

// Execs go on over a restart of the control plane, and are attached to again.
func TestExecSurvivesARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	x, err := p.Exec(w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sh", "-c", "echo one; read x; echo got $x; exit 6"}, Stdin: true}, "")
	must(t, x, err)
	p.close()
	p = w.open(nil)
	w.until(p, c.ID, func(cardplane.Container) bool {
		_, err := p.GetExec(w.ctx, c.ID, x.ID)
		return err == nil
	})
	if got, err := p.GetExec(w.ctx, c.ID, x.ID); err != nil || !got.Running || got.Command[0] != "sh" {
		t.Errorf("exec %+v, %v", got, err)
	}
	session, err := p.AttachExec(w.ctx, c.ID, x.ID)
	must(t, session, err)
	defer func() { _ = session.Close() }()
	if _, err := io.WriteString(session, "it\n"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for {
		piece, err := session.Recv(w.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, piece, err)
		out.Write(piece.Data)
	}
	if code, err := session.ExitCode(); err != nil || code != 6 || out.String() != "one\ngot it\n" {
		t.Errorf("exit code %d (%v), output %q", code, err, out.String())
	}
}

// The end of a container ends its execs; who is attached to one still gets
// its output and exit code.
func TestExecEndsWithTheContainer(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	const size = 200 << 10 // more than any buffer on the way
	x, err := p.Exec(w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sh", "-c", fmt.Sprintf("head -c %d /dev/zero; echo done >&2; sleep 1000", size)}}, "")
	must(t, x, err)
	session, err := p.AttachExec(w.ctx, c.ID, x.ID)
	must(t, session, err)
	defer func() { _ = session.Close() }()
	bytes, killed := 0, false
	for {
		piece, err := session.Recv(w.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, piece, err)
		if !killed {
			killed = true
			if err := p.Kill(w.ctx, c.ID, ""); err != nil {
				t.Fatal(err)
			}
			p.end(c.ID)
		}
		if piece.Stream == cardplane.Stdout {
			bytes += len(piece.Data)
		}
	}
	if code, err := session.ExitCode(); err != nil || code != 137 {
		t.Errorf("exit code %d, %v", code, err)
	}
	if bytes == 0 || bytes > size {
		t.Errorf("%d bytes of output", bytes)
	}
	w.wantClean(p, 1)
}
