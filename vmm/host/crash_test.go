package host_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/host/internal/machine"
	"github.com/cardplane/cardplane/vmm/link"
)

// daemonConfig is what a daemon process of these tests is told.
type daemonConfig struct {
	RunDir, DataDir, Endpoint, Program string
	// DieAt is the step before which the daemon kills itself.
	DieAt string
	// UIDs, UIDDir and Tun are as in host.Config.
	UIDs        host.UIDRange
	UIDDir, Tun string
}

const daemonVariable = "TEST_DAEMON"

// becomeDaemon makes this process a vmmd if a test has started it as one.
func becomeDaemon() {
	var c daemonConfig
	if json.Unmarshal([]byte(os.Getenv(daemonVariable)), &c) != nil {
		return
	}
	server, err := host.New(host.Config{
		RunDir: c.RunDir, DataDir: c.DataDir, UIDs: c.UIDs, UIDDir: c.UIDDir, Tun: c.Tun, Landlock: true,
		Programs: []host.Program{{Info: hostapi.VMMInfo{Kind: hostapi.VMMKindChQemu, Available: true}, Path: c.Program}},
		Log:      logrus.New(),
		Step: func(op string) error {
			if op == c.DieAt {
				_ = unix.Kill(os.Getpid(), unix.SIGKILL)
				select {}
			}
			return nil
		},
	})
	if err != nil {
		logrus.Fatal(err)
	}
	l, err := host.Listen(c.Endpoint)
	if err != nil {
		logrus.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); err != nil {
		logrus.Fatal(err)
	}
	os.Exit(0)
}

// daemon starts a vmmd process on the bed's directories that dies at step at.
// The bed's own server must be stopped. The link to it is returned.
func (b *bed) daemon(at string) (*exec.Cmd, *link.Link) {
	b.Helper()
	config, err := json.Marshal(daemonConfig{
		RunDir: b.host.Config.RunDir, DataDir: b.host.Config.DataDir, Endpoint: b.host.Endpoint,
		Program: b.host.Config.Programs[0].Path, DieAt: at, Tun: b.host.Config.Tun,
	})
	if err != nil {
		b.Fatal(err)
	}
	cmd := daemonCommand(b.T, config)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	awaitDaemon(b.T, b.link)
	return cmd, b.link
}

// daemonCommand is a daemon that ends with the test.
func daemonCommand(t *testing.T, config []byte) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), daemonVariable+"="+string(config))
	cmd.Stderr = t.Output()
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	return cmd
}

// awaitDaemon waits until a daemon answers.
func awaitDaemon(t *testing.T, l *link.Link) {
	for {
		if _, err := l.Host(t.Context()); err == nil {
			return
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A daemon that is killed at any step of a start leaves either a VM that
// runs, or nothing; and the next one can make the VM.
func TestKilledWhileStarting(t *testing.T) {
	for _, at := range []string{
		machine.OpRecord, machine.OpPlugNICs, machine.OpSpawn, machine.OpRecordProcess, machine.OpAwaitAPI, machine.OpRecordReady,
	} {
		t.Run(at, func(t *testing.T) {
			b := newBed(t)
			b.host.Stop()
			cmd, l := b.daemon(at)
			if _, err := l.PutVM(b.ctx, "a", emptySpec); err == nil {
				t.Fatal("the daemon did not die")
			}
			_ = cmd.Wait()
			b.host.Start()
			if vm, err := b.link.VM(b.ctx, "a"); err != nil {
				wantCode(t, err, "vm_not_found")
				b.wantNothingLeft()
			} else if !alive(vm.Pid) {
				t.Fatalf("a VM without a process: %+v", vm)
			}
			b.start("a")
			if n := len(b.processes()); n != 1 {
				t.Fatalf("%d processes", n)
			}
		})
	}
}

// A daemon that is killed at any step of a deletion loses nothing that a
// second deletion needs.
func TestKilledWhileDeleting(t *testing.T) {
	for _, at := range []string{machine.OpKill, machine.OpRecordExit, machine.OpRemove} {
		t.Run(at, func(t *testing.T) {
			b := newBed(t)
			b.host.Stop()
			cmd, l := b.daemon(at)
			if _, err := l.PutVM(b.ctx, "a", emptySpec); err != nil {
				t.Fatal(err)
			}
			if err := l.DeleteVM(b.ctx, "a", 0); err == nil {
				t.Fatal("the daemon did not die")
			}
			_ = cmd.Wait()
			b.host.Start()
			if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
				t.Fatal(err)
			}
			b.wantNothingLeft()
		})
	}
}

// VMs of a daemon that was killed are adopted, and their end is noticed.
func TestAdoption(t *testing.T) {
	b := newBed(t)
	b.host.Stop()
	cmd, l := b.daemon("")
	var pids []int
	for _, id := range []string{"a", "b", "c"} {
		vm, err := l.PutVM(b.ctx, id, emptySpec)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, vm.Pid)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := unix.Kill(pids[1], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for alive(pids[1]) {
		time.Sleep(time.Millisecond)
	}
	b.host.Start()

	if vm := b.start("a"); vm.Pid != pids[0] {
		t.Fatalf("a was started anew: %+v", vm)
	}
	ended, err := b.link.VM(b.ctx, "b")
	if err != nil || ended.State != hostapi.Exited || ended.Exit.Code != nil || ended.Exit.Signal != nil {
		t.Fatalf("b: %+v, %v", ended, err)
	}
	b.tell("c", "exit", "code", "3")
	vm, err := b.link.Wait(b.ctx, "c")
	if err != nil || vm.State != hostapi.Exited || vm.Exit.Code != nil {
		t.Fatalf("the exit status of an adopted VMM cannot be known: %+v, %v", vm, err)
	}
	if err := b.link.DeleteVM(b.ctx, "a", time.Second); err != nil || alive(pids[0]) {
		t.Fatalf("adopted VMM not deleted: %v", err)
	}
}

// A clean stop of the daemon leaves VMMs as well, and their exit stays known.
func TestRestartKeepsVMs(t *testing.T) {
	b := newBed(t)
	running := b.start("a")
	b.start("b")
	b.tell("b", "exit", "code", "5")
	if _, err := b.link.Wait(b.ctx, "b"); err != nil {
		t.Fatal(err)
	}
	b.host.Stop()
	b.host.Start()
	if vm := b.start("a"); vm.Pid != running.Pid {
		t.Fatalf("a was started anew: %+v", vm)
	}
	vm, err := b.link.VM(b.ctx, "b")
	if err != nil || vm.Exit == nil || vm.Exit.Code == nil || *vm.Exit.Code != 5 {
		t.Fatalf("b: %+v, %v", vm, err)
	}
}

// changeRecord rewrites the record of the only VM, as an earlier boot or
// another process with the same pid would look like.
func (b *bed) changeRecord(change func(map[string]any)) {
	b.Helper()
	paths, err := filepath.Glob(filepath.Join(b.host.Config.RunDir, "vm", "*", "record.json"))
	if err != nil || len(paths) != 1 {
		b.Fatalf("records %v: %v", paths, err)
	}
	data, err := os.ReadFile(paths[0])
	if err != nil {
		b.Fatal(err)
	}
	var rec map[string]any
	if err := json.Unmarshal(data, &rec); err != nil {
		b.Fatal(err)
	}
	change(rec)
	if data, err = json.Marshal(rec); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(paths[0], data, 0o600); err != nil {
		b.Fatal(err)
	}
}

func TestRebootSweepsRecords(t *testing.T) {
	b := newBed(t)
	b.start("a")
	b.host.Stop()
	b.changeRecord(func(rec map[string]any) { rec["bootId"] = "another boot" })
	b.host.Start()
	_, err := b.link.VM(b.ctx, "a")
	wantCode(t, err, "vm_not_found")
	b.wantNothingLeft()
}

// A pid that another process has got by now must not be adopted or killed.
func TestReusedPid(t *testing.T) {
	b := newBed(t)
	b.start("a")
	b.tell("a", "exit", "code", "0")
	if _, err := b.link.Wait(b.ctx, "a"); err != nil {
		t.Fatal(err)
	}
	b.host.Stop()
	other := exec.Command("sleep", "1000")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	b.changeRecord(func(rec map[string]any) {
		delete(rec, "exit")
		rec["process"].(map[string]any)["pid"] = other.Process.Pid
	})
	b.host.Start()
	vm, err := b.link.VM(b.ctx, "a")
	if err != nil || vm.State != hostapi.Exited {
		t.Fatalf("%+v, %v", vm, err)
	}
	if err := b.link.DeleteVM(b.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	if !alive(other.Process.Pid) {
		t.Fatal("a process that is no VMM was killed")
	}
}

// A record that cannot be written is a failed start, and leaves nothing.
func TestStepFailures(t *testing.T) {
	for _, at := range []string{machine.OpRecord, machine.OpPlugNICs, machine.OpSpawn, machine.OpRecordProcess, machine.OpAwaitAPI, machine.OpRecordReady} {
		t.Run(at, func(t *testing.T) {
			b := newBed(t)
			b.host.Stop()
			b.host.Config.Step = func(op string) error {
				if op == at {
					return unix.ENOSPC
				}
				return nil
			}
			b.host.Start()
			_, err := b.link.PutVM(b.ctx, "a", emptySpec)
			wantCode(t, err, "vmm_start_failed")
			b.wantNothingLeft()
		})
	}
}
