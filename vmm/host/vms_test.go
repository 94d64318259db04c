package host_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
)

func TestStartAndDelete(t *testing.T) {
	b := newBed(t)
	vm := b.start("web-1")
	if vm.Pid == 0 || vm.Vmm != hostapi.VMMKindChQemu || vm.Exit != nil || len(vm.LogTail) > 0 {
		t.Fatalf("unexpected %+v", vm)
	}
	again := b.start("web-1")
	if again.Pid != vm.Pid {
		t.Fatalf("a second VMM was started: %d, %d", vm.Pid, again.Pid)
	}
	list, err := b.link.VMs(b.ctx)
	if err != nil || len(list) != 1 || list[0].Id != "web-1" {
		t.Fatalf("list: %v, %v", list, err)
	}
	for range 2 {
		if err := b.link.DeleteVM(b.ctx, "web-1", time.Second); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.link.VM(b.ctx, "web-1")
	wantCode(t, err, "vm_not_found")
	b.wantNothingLeft()
}

func TestAnotherSpecConflicts(t *testing.T) {
	b := newBed(t)
	b.start("a")
	other := emptySpec
	other.Labels = map[string]string{"x": "y"}
	_, err := b.link.PutVM(b.ctx, "a", other)
	wantCode(t, err, "vm_exists")
}

// Many equal requests at once must make one VMM and all be answered.
func TestConcurrentPuts(t *testing.T) {
	b := newBed(t)
	var all sync.WaitGroup
	pids := make([]int, 8)
	for i := range pids {
		all.Go(func() {
			vm, err := b.link.PutVM(b.ctx, "one", emptySpec)
			if err != nil {
				t.Errorf("put: %v", err)
			}
			pids[i] = vm.Pid
		})
	}
	all.Wait()
	for _, pid := range pids {
		if pid != pids[0] {
			t.Fatalf("several VMMs: %v", pids)
		}
	}
}

func TestExitCodeAndEvidence(t *testing.T) {
	b := newBed(t)
	b.start("a")
	b.tell("a", "say", "text", "something broke")
	b.tell("a", "exit", "code", "7")
	vm, err := b.link.Wait(b.ctx, "a")
	if err != nil || vm.State != hostapi.Exited || vm.Exit == nil || vm.Exit.Code == nil || *vm.Exit.Code != 7 {
		t.Fatalf("wait: %+v, %v", vm, err)
	}
	if strings.Join(vm.LogTail, "\n") != "something broke" {
		t.Fatalf("log tail %q", vm.LogTail)
	}
	_, err = b.link.Tunnel(b.ctx, "a", hostapi.Api)
	wantCode(t, err, "vm_exited")
	if again, err := b.link.PutVM(b.ctx, "a", emptySpec); err != nil || again.State != hostapi.Exited {
		t.Fatalf("put of an exited VM: %+v, %v", again, err)
	}
}

func TestSignalIsTold(t *testing.T) {
	b := newBed(t)
	vm := b.start("a")
	process, err := os.FindProcess(vm.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	vm, err = b.link.Wait(b.ctx, "a")
	if err != nil || vm.Exit == nil || vm.Exit.Signal == nil || *vm.Exit.Signal != 9 || vm.Exit.Code != nil {
		t.Fatalf("wait: %+v, %v", vm, err)
	}
}

func TestStartFailures(t *testing.T) {
	t.Run("ends early", func(t *testing.T) {
		t.Setenv(fakeMode, "fail")
		b := newBed(t)
		_, err := b.link.PutVM(b.ctx, "a", emptySpec)
		wantCode(t, err, "vmm_start_failed")
		evidence := strings.Join(apierr.From(err).Evidence, "\n")
		if evidence != "first line\nthe last line says why" || !strings.Contains(err.Error(), "exit code 1") {
			t.Fatalf("error %q, evidence %q", err, evidence)
		}
		b.wantNothingLeft()
	})
	t.Run("never accepts", func(t *testing.T) {
		t.Setenv(fakeMode, "silent")
		h := hosttest.New(t, func(c *host.Config) { c.StartTimeout = 300 * time.Millisecond })
		b := &bed{T: t, host: h, link: h.Link(), ctx: t.Context()}
		_, err := b.link.PutVM(b.ctx, "a", emptySpec)
		wantCode(t, err, "vmm_start_failed")
		b.wantNothingLeft()
	})
	t.Run("too old", func(t *testing.T) {
		t.Setenv(fakeMode, "old")
		b := newBed(t)
		_, err := b.link.PutVM(b.ctx, "a", emptySpec)
		wantCode(t, err, "vmm_too_old")
		for _, want := range []string{"51.1", "53 or later", "CARDPLANE_CLOUD_HYPERVISOR"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in %v", want, err)
			}
		}
		b.wantNothingLeft()
	})
	t.Run("no executable", func(t *testing.T) {
		h := hosttest.New(t, func(c *host.Config) { c.Programs[0].Path = "/nonexistent/vmm" })
		b := &bed{T: t, host: h, link: h.Link(), ctx: t.Context()}
		_, err := b.link.PutVM(b.ctx, "a", emptySpec)
		wantCode(t, err, "vmm_start_failed")
		b.wantNothingLeft()
	})
}

// A VM that is being started can be deleted; who waits for the start is told.
func TestDeleteWhileStarting(t *testing.T) {
	t.Setenv(fakeMode, "silent")
	b := newBed(t)
	put := make(chan error, 1)
	go func() {
		_, err := b.link.PutVM(b.ctx, "a", emptySpec)
		put <- err
	}()
	for len(b.processes()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := b.link.DeleteVM(b.ctx, "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-put, "vm_deleted")
	b.wantNothingLeft()
}

// A card that goes away while it waits does not undo the start.
func TestPutOutlivesItsRequest(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_, _ = b.link.PutVM(ctx, "a", emptySpec)
	b.start("a")
}

func TestStubbornVMMIsKilled(t *testing.T) {
	t.Setenv(fakeMode, "stubborn")
	b := newBed(t)
	vm := b.start("a")
	if err := b.link.DeleteVM(b.ctx, "a", time.Second); err != nil {
		t.Fatal(err)
	}
	if alive(vm.Pid) {
		t.Fatal("the VMM is alive")
	}
	b.wantNothingLeft()
}

// Children must die with their VMM, however they left its process group.
func TestChildrenAreKilled(t *testing.T) {
	for name, end := range map[string]func(b *bed){
		"deleted": func(b *bed) {
			if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
				b.Fatal(err)
			}
		},
		"exited": func(b *bed) {
			b.tell("a", "exit", "code", "0")
			if _, err := b.link.Wait(b.ctx, "a"); err != nil {
				b.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.start("a")
			child, err := strconv.Atoi(b.tell("a", "child"))
			if err != nil || !alive(child) {
				t.Fatalf("child %d: %v", child, err)
			}
			end(b)
			if alive(child) {
				t.Fatal("the child is alive")
			}
		})
	}
}

func TestVMMInheritsLittle(t *testing.T) {
	t.Setenv("SECRET", "x")
	b := newBed(t)
	b.start("a")
	for line := range strings.Lines(b.tell("a", "fds")) {
		if strings.Contains(line, "/lock") || strings.Contains(line, b.host.Config.DataDir) {
			t.Errorf("inherited descriptor: %s", line)
		}
	}
	if env := b.tell("a", "env"); strings.Contains(env, "SECRET") || !strings.Contains(env, "PATH=") {
		t.Errorf("environment: %s", env)
	}
}

func TestWait(t *testing.T) {
	b := newBed(t)
	b.start("a")
	_, err := b.link.Wait(b.ctx, "nope")
	wantCode(t, err, "vm_not_found")
	waited := make(chan error, 1)
	go func() {
		_, err := b.link.Wait(b.ctx, "a")
		waited <- err
	}()
	if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil { // the exit may be seen before the deletion
		wantCode(t, err, "vm_not_found")
	}
}

func TestUnavailableVMM(t *testing.T) {
	b := newBed(t)
	spec := emptySpec
	spec.Vmm = hostapi.VMMChoiceCloudHypervisor
	_, err := b.link.PutVM(b.ctx, "a", spec)
	wantCode(t, err, "vmm_unavailable")
	spec.Vmm = "vapour"
	_, err = b.link.PutVM(b.ctx, "a", spec)
	wantCode(t, err, "invalid_vmm")
}

func TestHost(t *testing.T) {
	b := newBed(t)
	spec := emptySpec
	spec.MemoryBytes = 1 << 20
	if _, err := b.link.PutVM(b.ctx, "a", spec); err != nil {
		t.Fatal(err)
	}
	h, err := b.link.Host(b.ctx)
	if err != nil || h.Vms != 1 || h.MemoryAllocatedBytes != 1<<20 || h.MemoryBytes == 0 || h.Cpus == 0 ||
		h.DefaultVmm == nil || *h.DefaultVmm != hostapi.VMMKindChQemu || h.RunDir.UsedBytes == 0 {
		t.Fatalf("host: %+v, %v", h, err)
	}
	b.host.Stop()
	b.host.Start()
	again, err := b.link.Host(b.ctx)
	if err != nil || again.Id != h.Id || again.BootId != h.BootId {
		t.Fatalf("the host changed: %+v, %v", again, err)
	}
	spec.MemoryBytes = h.MemoryBytes + 1
	_, err = b.link.PutVM(b.ctx, "b", spec)
	wantCode(t, err, "host_memory_exceeded")
}

func TestSecondServerIsRefused(t *testing.T) {
	b := newBed(t)
	_, err := host.New(b.host.Config)
	wantCode(t, err, "run_dir_locked")
}
