package vmmtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm"
)

func testPing(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.expect(vmm.EventVMMStarting)
	pong, err := b.vmm.Ping(b.ctx)
	b.ok(err)
	if pong.Pid <= 0 || pong.BuildVersion == "" {
		t.Fatalf("ping says %+v", pong)
	}
}

func testBeforeCreate(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	_, err := b.vmm.Info(b.ctx)
	b.fails(err, "vm_not_created", "VM is not created")
	b.fails(b.vmm.Boot(b.ctx), "vm_not_created", "VM config is missing")
	b.fails(b.vmm.Reboot(b.ctx), "vm_not_created", "VM is not created")
	_, err = b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Path: "/x", ImageType: chapi.Raw})
	b.fails(err, "vm_not_created", "VM is not created")
	b.fails(b.vmm.RemoveDevice(b.ctx, "x"), "vm_not_created", "VM is not created")
	_, err = b.vmm.Counters(b.ctx)
	b.fails(err, "vm_wrong_state", "VM is not running")
	b.fails(b.vmm.Pause(b.ctx), "vm_wrong_state", "VM is not running")
	b.fails(b.vmm.Resume(b.ctx), "vm_wrong_state", "VM is not running")
	b.fails(b.vmm.Shutdown(b.ctx), "vm_wrong_state", "VM is not running")
	b.fails(b.vmm.PowerButton(b.ctx), "vm_wrong_state", "VM is not running")
	b.ok(b.vmm.Delete(b.ctx))
	b.expect(vmm.EventVMMStarting, vmm.EventBooting, vmm.EventRebooting)
}

// testRequests sends what the generated client cannot.
func testRequests(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	minimal := `{"payload":{"kernel":"/x"},"console":{"mode":"Off"}`
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string // in the answer's body; "" is an empty one
	}{
		{"no JSON", "PUT", "/vm.create", "{", 400, `["Failed to deserialize JSON",`},
		{"missing field", "PUT", "/vm.create", `{"vsock":{"cid":3}}`, 400, "missing field `socket`"},
		{"unknown variant", "PUT", "/vm.create", `{"console":{"mode":"Loud"}}`, 400, "unknown variant `Loud`"},
		{"negative size", "PUT", "/vm.create", `{"memory":{"size":-1}}`, 400, "invalid value: integer `-1`"},
		{"no body", "PUT", "/vm.create", "", 400, ""},
		{"no body for a device", "PUT", "/vm.add-disk", "", 400, `["Bad Request"]`},
		{"a body too many", "PUT", "/vm.boot", "{}", 400, `["Bad Request"]`},
		{"unknown path", "PUT", "/vm.fly", "", 404, `["Not Found"]`},
		{"a query", "GET", "/vmm.ping?x=1", "", 404, `["Not Found"]`},
		{"GET for PUT", "GET", "/vm.boot", "", 400, `["Bad Request"]`},
		{"PUT for GET", "PUT", "/vm.info", "", 400, `["Bad Request"]`},
		{"POST", "POST", "/vm.boot", "", 400, "{ \"error\": \"Invalid HTTP Method"},
		{"too large", "PUT", "/vm.create", minimal + `,"x":"` + strings.Repeat("x", 51200) + `"}`, 400, `{ "error": "`},
		{"unknown keys", "PUT", "/vm.create", minimal + `,"bogus":{"deep":[1]}}`, 204, ""},
	} {
		status, body := b.raw(tc.method, tc.path, tc.body)
		if status != tc.status || !strings.Contains(body, tc.want) || tc.want == "" && body != "" {
			t.Errorf("%s: %d %q, want %d %q", tc.name, status, body, tc.status, tc.want)
		}
	}
}

// raw sends one request on a connection of its own.
func (b *bench) raw(method, path, body string) (int, string) {
	b.Helper()
	conn, err := net.Dial("unix", b.socket)
	b.ok(err)
	defer func() { _ = conn.Close() }()
	deadline, _ := b.ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	length := ""
	if body != "" {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	// A server that refuses early may close before all is written.
	_, _ = fmt.Fprintf(conn, "%s /api/v1%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n%s", method, path, length, body)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	b.ok(err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	b.ok(err)
	return resp.StatusCode, string(text)
}

// plainConfig is a configuration that no case boots.
func plainConfig() chapi.VmConfig {
	return chapi.VmConfig{
		Payload: &chapi.PayloadConfig{Kernel: "/nonexistent/vmlinux"},
		Console: &chapi.ConsoleConfig{Mode: chapi.ConsoleModeOff},
	}
}

func testCreateTwice(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	info := b.state(chapi.Created)
	if info.Config.Memory == nil || info.Config.Memory.Size != 512<<20 || info.Config.Cpus.BootVcpus != 1 || info.Config.Rng.Src != "/dev/urandom" {
		t.Errorf("defaults are missing: %s", marshal(info.Config))
	}
	b.fails(b.vmm.Create(b.ctx, plainConfig()), "vm_wrong_state", "VM is already created")
	b.ok(b.vmm.Delete(b.ctx))
	b.ok(b.vmm.Delete(b.ctx))
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	b.expect(vmm.EventVMMStarting, vmm.EventDeleted)
}

func testColdPlug(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	added, err := b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Id: "data", Path: b.disk("data"), ImageType: chapi.Raw})
	b.ok(err)
	if added != (chapi.PciDeviceInfo{}) {
		t.Errorf("a VM that does not run gave the address %+v", added)
	}
	if disks := b.state(chapi.Created).Config.Disks; len(disks) != 1 || disks[0].Id != "data" || disks[0].QueueSize != 128 {
		t.Errorf("disks %s", marshal(disks))
	}
	_, err = b.vmm.AddDisk(b.ctx, chapi.DiskConfig{Id: "data", Path: "/x", ImageType: chapi.Raw})
	b.fails(err, "vmm_failed", "Identifier data is not unique")
	b.ok(b.vmm.RemoveDevice(b.ctx, "data"))
	b.fails(b.vmm.RemoveDevice(b.ctx, "data"), "vmm_failed", "No device with id")
	if disks := b.state(chapi.Created).Config.Disks; len(disks) != 0 {
		t.Errorf("disks %s", marshal(disks))
	}
}

// testColdResize changes the configuration and nothing else.
func testColdResize(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.fails(b.vmm.Resize(b.ctx, chapi.VmResize{}), "vm_not_created", "VM is not created")
	cfg := plainConfig()
	cfg.Balloon = &chapi.BalloonConfig{}
	b.ok(b.vmm.Create(b.ctx, cfg))
	vcpus, ram, balloon := int32(3), int64(1<<30), int64(1<<20)
	b.ok(b.vmm.Resize(b.ctx, chapi.VmResize{DesiredVcpus: &vcpus, DesiredRam: &ram, DesiredBalloon: &balloon}))
	info := b.state(chapi.Created)
	if info.Config.Cpus.BootVcpus != vcpus || info.Config.Memory.Size != ram || info.Config.Balloon.Size != balloon || info.MemoryActualSize != ram {
		t.Errorf("info %s", marshal(info))
	}
	b.fails(b.vmm.ResizeDisk(b.ctx, "data", 1<<20), "vmm_failed", "Failed resizing a disk image")
	b.expect(vmm.EventVMMStarting)
}

// testRestoreBadSource restores what is no snapshot, and nothing stays of it.
func testRestoreBadSource(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	empty, broken := b.mkdir("empty"), b.mkdir("broken")
	b.ok(os.WriteFile(broken+"/config.json", []byte("{"), 0o600))
	for _, tc := range []struct {
		name, url, want string
	}{
		{"no file URL", "http://example.com/", "Could not extract path from URL"},
		{"no directory", "file:///nonexistent/snapshot", "Destination is not a directory"},
		{"empty directory", "file://" + empty, "Error opening VM config snapshot file"},
		{"broken configuration", "file://" + broken, "Error deserialising VM config snapshot"},
	} {
		err := b.vmm.RestoreFrom(b.ctx, chapi.RestoreConfig{SourceUrl: tc.url})
		b.fails(err, "vmm_failed", tc.want)
	}
	b.fails(b.vmm.Snapshot(b.ctx, empty), "vm_wrong_state", "VM is not running")
	_, err := b.vmm.Info(b.ctx)
	b.fails(err, "vm_not_created", "VM is not created")
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	b.fails(b.vmm.Restore(b.ctx, empty, false), "vm_wrong_state", "VM is already created")
	b.expect(vmm.EventVMMStarting)
}

func testSecondVsock(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	_, err := b.vmm.AddVsock(b.ctx, chapi.VsockConfig{Cid: 3, Socket: b.dir + "/vsock"})
	b.ok(err)
	_, err = b.vmm.AddVsock(b.ctx, chapi.VsockConfig{Cid: 4, Socket: b.dir + "/vsock2"})
	b.fails(err, "vmm_failed", "Too many virtio-vsock devices")
}

func testConsoleFile(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := plainConfig()
	cfg.Serial = &chapi.SerialConfig{Mode: chapi.ConsoleModeFile, File: "/nonexistent/serial"}
	b.fails(b.vmm.Create(b.ctx, cfg), "vmm_failed", "Error creating console device")
	// The failure leaves the configuration stored.
	b.fails(b.vmm.Create(b.ctx, plainConfig()), "vm_wrong_state", "VM is already created")
	b.ok(b.vmm.Delete(b.ctx))
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
}

func testInvalidConfig(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := plainConfig()
	cfg.Cpus = &chapi.CpusConfig{BootVcpus: 2, MaxVcpus: 1}
	b.ok(b.vmm.Create(b.ctx, cfg))
	b.fails(b.vmm.Boot(b.ctx), "vmm_failed", "Max CPUs (1) lower than boot CPUs (2)")
	b.state(chapi.Created)
	b.expect(vmm.EventVMMStarting, vmm.EventBooting)
}

func testKernelMissing(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	b.fails(b.vmm.Boot(b.ctx), "vmm_failed", "Cannot open kernel file")
	b.ok(b.vmm.Delete(b.ctx))
	b.expect(vmm.EventVMMStarting, vmm.EventBooting)
}

func testDiskMissing(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	cfg := plainConfig()
	cfg.Disks = []chapi.DiskConfig{{Path: "/nonexistent/disk", ImageType: chapi.Raw}}
	b.ok(b.vmm.Create(b.ctx, cfg))
	b.fails(b.vmm.Boot(b.ctx), "vmm_failed", "Error from device manager")
}

func testShutdownVMM(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.ok(b.vmm.Create(b.ctx, plainConfig()))
	b.ok(b.vmm.ShutdownVMM(b.ctx))
	b.expect(vmm.EventVMMStarting, vmm.EventDeleted, vmm.EventVMMShutdown)
	b.exit(0)
}

func testTerminate(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.proc.Terminate()
	b.expect(vmm.EventVMMStarting, vmm.EventVMMShutdown)
	b.exit(0)
}

// testStaleSocket starts a VMM where one was killed, which works, and where
// one runs, which does not.
func testStaleSocket(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.proc.Kill()
	if _, err := os.Lstat(b.socket); err != nil {
		t.Errorf("a killed VMM removed its socket: %v", err)
	}
	b.launch(StartOptions{Socket: b.socket})
	second := s.Start(t, StartOptions{Socket: b.socket})
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if code, err := second.Wait(ctx); err != nil || code != 1 {
		t.Fatalf("a second VMM on the same socket ended with %d (%v), want 1", code, err)
	}
	_, err := b.vmm.Ping(b.ctx)
	b.ok(err)
}

// testElevenConnections holds eleven connections, of which one is refused: the
// last, or one before it while the VMM has not yet seen the end of an idle
// connection from before.
func testElevenConnections(t *testing.T, s Subject) {
	b := newBench(t, s, StartOptions{})
	b.vmm.Close() // its idle connection counts
	deadline, _ := b.ctx.Deadline()
	answers := make(chan string, 11)
	for range 11 {
		conn, err := net.Dial("unix", b.socket)
		b.ok(err)
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(deadline)
		go func() { answers <- refusal(conn) }()
	}
	if answer := <-answers; !strings.HasPrefix(answer, "503") || !strings.Contains(answer, "Too many open connections") {
		t.Fatalf("one of eleven connections got %q", answer)
	}
}

// refusal reads an answer that nobody has asked for.
func refusal(conn net.Conn) string {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", string(body), " ", err)
}
