package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
)

func TestMain(m *testing.M) {
	vmtest.BecomeVMM()
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = time.Minute

// fixture is a compute host, and a Manager that uses it.
type fixture struct {
	*sandbox.Manager
	t    *testing.T
	ctx  context.Context
	host *hosttest.Host
	cfg  sandbox.Config
	spec sandbox.Spec
}

// newFixture makes a fixture whose guests boot as cmdline says; empty means
// that they have an agent.
func newFixture(t *testing.T, cmdline string, change func(*sandbox.Config)) *fixture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	if cmdline == "" {
		cmdline = vmtest.NewAgents(t, func() (string, <-chan struct{}) {
			a := agenttest.Start(t)
			return a.Socket, a.PoweredOff()
		}).Cmdline
	}
	artefacts, err := sandbox.OpenArtefacts(vmtest.Artefacts(t, cmdline))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(t.Output())
	f := &fixture{t: t, ctx: ctx, host: hosttest.New(t, nil)}
	cfg := sandbox.Config{
		Host: sandbox.OverLink(f.host.Link()), Artefacts: artefacts, Epoch: 7, BootTimeout: patience, Log: log,
	}
	if change != nil {
		change(&cfg)
	}
	f.cfg, f.Manager = cfg, sandbox.NewManager(cfg)
	f.spec = sandbox.Spec{
		ID: "s-1", Labels: map[string]string{"k": "v"}, VCPUs: 1, MemoryBytes: 256 << 20,
		Image: file(t, "an image"), Disk: &sandbox.Disk{ID: "s-disk", SizeBytes: 1 << 20},
	}
	return f
}

// file makes a file on the card.
func file(t *testing.T, content string) sandbox.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return sandbox.File{Path: path, Digest: vmtest.Digest([]byte(content)), Size: int64(len(content))}
}

func (f *fixture) start() *sandbox.Sandbox {
	f.t.Helper()
	s, err := f.Start(f.ctx, f.spec)
	if err != nil {
		f.t.Fatalf("start: %+v", err)
	}
	return s
}

func (f *fixture) wantVMs(want int) {
	f.t.Helper()
	vms, err := f.host.Link().VMs(f.ctx)
	if err != nil || len(vms) != want {
		f.t.Errorf("%d VMs on the host (%v), want %d", len(vms), err, want)
	}
}

func TestStartAndPowerOff(t *testing.T) {
	f := newFixture(t, "", nil)
	s := f.start()
	if s.VMM() != "ch-qemu" {
		t.Errorf("guest of %s", s.VMM())
	}
	var steps []string
	for _, step := range s.Timings() {
		steps = append(steps, step.Step)
	}
	if got := strings.Join(steps, " "); got != "files vmm boot" {
		t.Errorf("timed steps: %s", got)
	}
	if err := s.PowerOff(f.ctx, patience); err != nil {
		t.Error(err)
	}
	if err := s.LostError(); !strings.Contains(err.Error(), "powered off") {
		t.Errorf("the end of the machine is told as %q", err)
	}
	if err := s.Destroy(f.ctx); err != nil {
		t.Error(err)
	}
	f.wantVMs(0)
}

// Whatever keeps a guest from coming up: the error says so with the console's
// last lines, and nothing is left.
func TestGuestNeverComesUp(t *testing.T) {
	for name, tc := range map[string]struct{ cmdline, says, evidence string }{
		"panic":  {vmtest.BehavePanic, "kernel has panicked", "console: " + vmtest.PanicText},
		"exit":   {vmtest.BehaveExit, "VMM has ended with exit code 0", "console: Linux version"},
		"silent": {vmtest.BehaveSilent, "did not answer within 300ms", "console: Linux version"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, tc.cmdline, func(c *sandbox.Config) {
				if tc.cmdline == vmtest.BehaveSilent {
					c.BootTimeout = 300 * time.Millisecond
				}
			})
			s, err := f.Start(f.ctx, f.spec)
			if err == nil {
				t.Fatalf("started: %v", s)
			}
			if !apierr.Is(err, "guest_boot_failed") || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want guest_boot_failed that says %q", err, tc.says)
			}
			if evidence := strings.Join(apierr.From(err).Evidence, "\n"); !strings.Contains(evidence, tc.evidence) {
				t.Errorf("evidence %q lacks %q", evidence, tc.evidence)
			}
			f.wantVMs(0)
		})
	}
}

// A start that is given up leaves nothing; one that is detached leaves all,
// and another process finishes it.
func TestStartInterrupted(t *testing.T) {
	f := newFixture(t, vmtest.BehaveSilent, nil)
	for _, cause := range []error{errors.New("given up"), sandbox.ErrDetached} {
		ctx, cancel := context.WithCancelCause(f.ctx)
		done := make(chan error, 1)
		go func() {
			_, err := f.Start(ctx, f.spec)
			done <- err
		}()
		f.awaitVM()
		cancel(cause)
		if err := <-done; err == nil {
			t.Fatal("a silent guest has answered")
		}
		if errors.Is(cause, sandbox.ErrDetached) {
			f.wantVMs(1)
		} else {
			f.wantVMs(0)
		}
	}
}

// awaitVM waits until the host has a VM.
func (f *fixture) awaitVM() {
	f.t.Helper()
	for l := f.host.Link(); !f.hasVM(l); {
		time.Sleep(time.Millisecond)
	}
}

func (f *fixture) hasVM(l *link.Link) bool {
	f.t.Helper()
	vms, err := l.VMs(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	return len(vms) == 1 && vms[0].State == hostapi.Running
}

// Resume takes the steps that are missing, from each state that a start can
// have been left in.
func TestResume(t *testing.T) {
	for _, left := range []string{"nothing", "process", "created", "booted"} {
		t.Run(left, func(t *testing.T) {
			f := newFixture(t, "", nil)
			if left != "nothing" {
				f.Leave(f.ctx, f.spec, left)
			}
			s, err := f.Resume(f.ctx, f.spec)
			if err != nil {
				t.Fatalf("resume: %+v", err)
			}
			defer s.Close()
			if info, err := s.Guest().Info(f.ctx); err != nil || info.Machine.KernelRelease == "" {
				t.Errorf("the guest is %+v, %v", info, err)
			}
			f.wantVMs(1)
		})
	}
}

func TestAdopt(t *testing.T) {
	f := newFixture(t, "", nil)
	if _, err := f.Adopt(f.ctx, f.spec.ID); !apierr.Is(err, "vm_not_found") {
		t.Errorf("adopt what is not there: %v", err)
	}
	f.start().Close()
	s, err := f.Adopt(f.ctx, f.spec.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := f.host.Link().DeleteVM(f.ctx, f.spec.ID, 0); err != nil {
		t.Fatal(err)
	}
	<-s.Lost()
	if !sandbox.Lost(s.LostError()) {
		t.Error(s.LostError())
	}
}

func TestHostAway(t *testing.T) {
	f := newFixture(t, "", nil)
	f.host.Stop()
	_, err := f.Start(f.ctx, f.spec)
	if !sandbox.HostAway(err) || !strings.Contains(err.Error(), "--link") {
		t.Errorf("start: %v", err)
	}
}

// A sandbox outlives a restart of vmmd, and is still watched after it.
func TestHostRestarts(t *testing.T) {
	f := newFixture(t, "", nil)
	s := f.start()
	defer s.Close()
	f.host.Stop()
	f.host.Start()
	for {
		if _, err := s.Guest().Info(f.ctx); err == nil {
			break
		} else if f.ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-s.Lost():
		t.Fatal(s.LostError())
	default:
	}
	if err := f.host.Link().DeleteVM(f.ctx, f.spec.ID, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Lost():
	case <-f.ctx.Done():
		t.Fatal("nobody noticed the end of the machine")
	}
}

// The host may lose blobs that it had when it was asked last.
func TestBlobsLostOnTheHost(t *testing.T) {
	f := newFixture(t, "", nil)
	if err := f.start().Destroy(f.ctx); err != nil {
		t.Fatal(err)
	}
	if err := f.Manager.Host().DeleteBlob(f.ctx, f.spec.Image.Digest); err != nil {
		t.Fatal(err)
	}
	f.start().Close()
}

func TestConfig(t *testing.T) {
	f := newFixture(t, "quiet", nil)
	for name, change := range map[string]func(*sandbox.Spec){
		"disk":     func(*sandbox.Spec) {},
		"readonly": func(s *sandbox.Spec) { s.Disk, s.VCPUs = nil, 2 },
		"placed":   func(s *sandbox.Spec) { s.VCPUs, s.HugePages, s.HostCPUs = 2, true, []int{2, 3} },
	} {
		spec := f.spec
		change(&spec)
		got, err := json.MarshalIndent(f.VMConfig(spec, name == "placed"), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "vmconfig-"+name+".json")
		if *update {
			if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("%s: the configuration is\n%s", golden, got)
		}
	}
}

var update = flag.Bool("update", false, "write testdata anew")

// What a host cannot do is the request's fault, not the control plane's.
func TestExplainNotSupported(t *testing.T) {
	err := sandbox.Explain(apierr.New(apierr.NotSupported, "vmm_not_supported", "virtual CPUs are not pinned").With([]string{"evidence"}))
	e := apierr.From(err)
	if e.Class != apierr.FailedPrecondition || e.Code != "vmm_not_supported" || !strings.Contains(e.Message, "leave out") || len(e.Evidence) != 1 {
		t.Errorf("%+v, evidence %q", e, e.Evidence)
	}
}
