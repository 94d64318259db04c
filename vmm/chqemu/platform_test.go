package chqemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// envScript makes the test binary play QEMU; its value says how.
const envScript = "CHQEMU_TEST_SCRIPT"

func TestMain(m *testing.M) {
	if script := os.Getenv(envScript); script != "" {
		playQEMU(script)
		return
	}
	goleak.VerifyTestMain(m)
}

// playQEMU speaks QMP on descriptor 3 and logs every command to the file that
// is the script's argument. A script is a list of words: "old" greets as
// QEMU 7, "die" ends with a message before it greets, and "<command>:<event>"
// sends an event after the reply to a command.
func playQEMU(script string) {
	words := strings.Fields(script)
	if slices.Contains(words, "die") {
		fmt.Fprintln(os.Stderr, "qemu-system-x86_64: cannot set up guest memory 'ram': Cannot allocate memory")
		os.Exit(1)
	}
	log, err := os.OpenFile(words[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(3)
	}
	major := 10
	if slices.Contains(words, "old") {
		major = 7
	}
	monitor := os.NewFile(qmpFD, "qmp")
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(monitor, format+"\n", args...) }
	say(`{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": %d}}}}`, major)
	for in := bufio.NewScanner(monitor); in.Scan(); {
		var r struct {
			Execute string
			ID      uint64
		}
		_ = json.Unmarshal(in.Bytes(), &r)
		_, _ = fmt.Fprintln(log, r.Execute)
		say(`{"return": {}, "id": %d}`, r.ID)
		for _, word := range words[1:] {
			if event, ok := strings.CutPrefix(word, r.Execute+":"); ok {
				say("%s", event)
			}
		}
		if r.Execute == "quit" || slices.Contains(words, "end-after:"+r.Execute) {
			return
		}
	}
}

// machineOn starts a machine on a QEMU that follows script, and returns it
// with the file that its commands go to.
func machineOn(t *testing.T, script ...string) (chvmm.Machine, string, error) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, Binary)); err != nil {
		t.Fatal(err)
	}
	commands := filepath.Join(dir, "commands")
	t.Setenv("PATH", dir)
	t.Setenv(envScript, strings.Join(append([]string{commands}, script...), " "))
	log := logrus.New()
	log.SetOutput(io.Discard)
	p := &Platform{Log: log, Vsock: func(string, string, uint32) (VsockDevice, error) { return nil, errors.New("no vsock") }}
	m, err := p.Start(context.Background(), filledConfig(), chvmm.Consoles{})
	return m, commands, err
}

func TestStartAndStop(t *testing.T) {
	m, commands, err := machineOn(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	bdf, err := m.AddDisk(ctx, chapi.DiskConfig{Id: "hot", Path: "/x", ImageType: chapi.Raw, Sparse: ptr(true)})
	if err != nil || bdf != "0000:01:01.0" {
		t.Fatalf("%q %v", bdf, err)
	}
	if err := errors.Join(m.Pause(ctx), m.Resume(ctx), m.PowerButton(ctx), m.Stop(ctx)); err != nil {
		t.Fatal(err)
	}
	if _, open := <-m.Events(); open {
		t.Error("events after Stop")
	}
	text, err := os.ReadFile(commands)
	want := "qmp_capabilities blockdev-add device_add stop cont system_powerdown quit"
	if got := strings.Join(strings.Fields(string(text)), " "); got != want || err != nil {
		t.Fatalf("commands %q, want %q (%v)", got, want, err)
	}
}

func TestStartErrors(t *testing.T) {
	_, _, err := machineOn(t, "die")
	if err == nil || !strings.Contains(err.Error(), "Error initializing VM: cannot set up guest memory 'ram': Cannot allocate memory; qemu: exit status 1") {
		t.Errorf("the last words are lost: %v", err)
	}
	_, _, err = machineOn(t, "old")
	var no *chvmm.NotSupported
	if !errors.As(err, &no) || !strings.Contains(no.Reason, "QEMU 7.2.0 is too old") {
		t.Errorf("an old QEMU gives %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	p := &Platform{Log: logrus.New()}
	if _, err := p.Start(context.Background(), filledConfig(), chvmm.Consoles{}); !errors.As(err, &no) || !strings.Contains(no.Reason, "not in PATH") {
		t.Errorf("no QEMU gives %v", err)
	}
}

// What QEMU says at its end is what the machine did.
func TestEnds(t *testing.T) {
	for reason, want := range map[string]chvmm.MachineEventKind{
		"guest-shutdown": chvmm.PoweredOff,
		"guest-reset":    chvmm.Reset,
		"host-signal":    chvmm.Crashed,
		"":               chvmm.Crashed,
	} {
		event := `stop:{"event":"SHUTDOWN","data":{"guest":true,"reason":"` + reason + `"}}`
		if reason == "" {
			event = `stop:{"event":"STOP"}`
		}
		m, _, err := machineOn(t, event, "end-after:stop")
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Pause(context.Background()); err != nil {
			t.Fatal(err)
		}
		e := <-m.Events()
		if e.Kind != want || (want == chvmm.Crashed) != (e.Err != nil) {
			t.Errorf("%q: event %+v", reason, e)
		}
		if err := m.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestGuestEvents(t *testing.T) {
	m, commands, err := machineOn(t,
		`stop:{"event":"GUEST_PANICKED","data":{"action":"run"}}`,
		`device_del:{"event":"DEVICE_DELETED","data":{"path":"/machine/peripheral/dev1/virtio-backend"}}`,
		`device_del:{"event":"DEVICE_DELETED","data":{"device":"dev1","path":"/machine/peripheral/dev1"}}`)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := m.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	if e := <-m.Events(); e.Kind != chvmm.Panicked || e.Detail != "panic" {
		t.Errorf("event %+v", e)
	}
	if _, err := m.AddNet(ctx, chapi.NetConfig{Id: "eth0", Tap: "t", OffloadTso: ptr(true), OffloadUfo: ptr(true), OffloadCsum: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(ctx, "eth0"); err != nil {
		t.Fatal(err)
	}
	if e := <-m.Events(); e.Kind != chvmm.DeviceRemoved || e.Device != "eth0" || e.BDF != "0000:01:01.0" {
		t.Errorf("event %+v", e)
	}
	if len(m.Devices()) != 0 || m.Remove(ctx, "eth0") == nil {
		t.Error("the device is still there")
	}
	if err := m.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(commands)
	if !strings.Contains(string(text), "device_del\nnetdev_del\n") {
		t.Errorf("commands %q", text)
	}
}

func TestTail(t *testing.T) {
	var buf tail
	_, _ = buf.Write([]byte(strings.Repeat("x", 3*maxTail) + "\n"))
	_, _ = buf.Write([]byte("qemu-system-x86_64: one\n\n  two\nthree"))
	if got := buf.lines(3); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Fatalf("got %q", got)
	}
	if len(buf.data) > maxTail {
		t.Fatalf("%d bytes kept", len(buf.data))
	}
}
