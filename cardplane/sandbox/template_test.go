package sandbox_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/guest-agent/agenttest"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// templated is a fixture with templates, and its agents in the order in which
// their machines came up.
type templated struct {
	*fixture
	mu     sync.Mutex
	agents []*agenttest.Agent
}

func newTemplated(t *testing.T, words string) *templated {
	t.Helper()
	f := &templated{}
	agents := vmtest.NewAgents(t, func() (string, <-chan struct{}) {
		f.mu.Lock()
		defer f.mu.Unlock()
		a := agenttest.Start(t)
		f.agents = append(f.agents, a)
		return a.Socket, a.PoweredOff()
	})
	f.fixture = newFixture(t, words+" "+agents.Cmdline, func(c *sandbox.Config) { c.Templates, c.Prefix = 2, "card-" })
	return f
}

func (f *templated) make() {
	f.t.Helper()
	if err := f.MakeTemplate(f.ctx, f.spec); err != nil {
		f.t.Fatalf("make a template: %+v", err)
	}
}

func (f *templated) renewals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.agents[len(f.agents)-1].Renewals()
}

func (f *templated) wantTemplates(want int) {
	f.t.Helper()
	list, err := f.Templates(f.ctx)
	if err != nil || len(list) != want {
		f.t.Errorf("%d templates (%v), want %d", len(list), err, want)
	}
}

func (f *templated) wantStart(fromTemplate bool) *sandbox.Sandbox {
	f.t.Helper()
	s := f.start()
	if s.FromTemplate() != fromTemplate {
		f.t.Errorf("started from a template: %v", s.FromTemplate())
	}
	return s
}

// A machine starts from a template of its size, with its own disks, and is
// renewed before anything else; others boot.
func TestTemplate(t *testing.T) {
	f := newTemplated(t, "")
	s := f.wantStart(false)
	if f.renewals() != 0 {
		t.Error("a machine that has booted was renewed")
	}
	if err := s.Destroy(f.ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 { // an answer may have been lost
		f.make()
	}
	f.wantTemplates(1)
	f.wantVMs(0)
	s = f.wantStart(true)
	if f.renewals() != 1 {
		t.Errorf("renewed %d times", f.renewals())
	}
	var steps []string
	for _, step := range s.Timings() {
		steps = append(steps, step.Step)
	}
	if got := strings.Join(steps, " "); got != "files vmm restore" {
		t.Errorf("timed steps: %s", got)
	}
	s.Close()
	// A control plane that was killed takes it up, and renews it again.
	s, err := f.Resume(f.ctx, f.spec)
	if err != nil {
		t.Fatal(err)
	}
	if f.renewals() != 2 {
		t.Errorf("renewed %d times", f.renewals())
	}
	if err := s.Destroy(f.ctx); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*sandbox.Spec){
		"larger": func(s *sandbox.Spec) { s.MemoryBytes *= 2 },
		"wider":  func(s *sandbox.Spec) { s.VCPUs++ },
		// A guest keeps the sizes of the disks that it was saved with.
		"another disk": func(s *sandbox.Spec) { s.Disk = &sandbox.Disk{ID: "large", SizeBytes: 2 * s.Disk.SizeBytes} },
		"read-only":    func(s *sandbox.Spec) { s.Disk = nil },
		"bare":         func(s *sandbox.Spec) { s.Disk, s.Image = nil, sandbox.File{} },
	} {
		spec := f.spec
		change(&f.spec)
		if f.TemplateID(f.spec) == f.TemplateID(spec) {
			t.Errorf("%s: has the same template", name)
		}
		if err := f.wantStart(false).Destroy(f.ctx); err != nil {
			t.Fatal(err)
		}
		f.spec = spec
	}
	for name, change := range map[string]func(*sandbox.Spec){
		"huge pages": func(s *sandbox.Spec) { s.HugePages = true },
		"pinned":     func(s *sandbox.Spec) { s.HostCPUs = []int{0} },
		"too large":  func(s *sandbox.Spec) { s.Image.Size = sandbox.AnyImage.Size + 1 },
	} {
		spec := f.spec
		change(&spec)
		if id := f.TemplateID(spec); id != "" {
			t.Errorf("%s: has the template %s", name, id)
		}
	}
}

// A start that the death of the control plane has cut short before the machine
// ran begins anew.
func TestResumeFromTemplate(t *testing.T) {
	f := newTemplated(t, "")
	f.make()
	for _, left := range []string{"process", "restored"} {
		f.LeaveRestored(f.ctx, f.spec, left)
		if _, err := f.AdoptRunning(f.ctx, f.spec.ID); !sandbox.Lost(err) {
			t.Errorf("%s: a machine that nobody boots was adopted: %v", left, err)
		}
		s, err := f.Resume(f.ctx, f.spec)
		if err != nil {
			t.Fatalf("%s: %+v", left, err)
		}
		if !s.FromTemplate() || f.renewals() != 1 {
			t.Errorf("%s: from a template: %v, renewed %d times", left, s.FromTemplate(), f.renewals())
		}
		f.wantVMs(1)
		if err := s.Destroy(f.ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// No start fails because of a template, and one that is no good is removed.
func TestTemplateNoGood(t *testing.T) {
	f := newTemplated(t, vmtest.BehaveUnfit)
	f.make()
	f.wantStart(false).Close()
	f.wantTemplates(0)
	f.wantVMs(1)
}

// As TestTemplateNoGood, for a template of a VMM that is not there any more.
func TestTemplateOfAnotherVMM(t *testing.T) {
	f := newTemplated(t, "")
	f.make()
	f.host.Stop()
	f.host.Config.Programs[0].Info.Kind = hostapi.VMMKindCloudHypervisor
	f.host.Start()
	f.wantStart(false).Close()
	f.wantTemplates(0)
}

func TestTemplatesOff(t *testing.T) {
	f := newTemplated(t, "")
	f.make()
	id := f.TemplateID(f.spec)
	if !f.TemplateCurrent(id) {
		t.Errorf("%s is not current", id)
	}
	f.cfg.Templates = 0
	f.Manager = sandbox.NewManager(f.cfg)
	f.wantStart(false).Close()
	if f.TemplateCurrent(id) {
		t.Errorf("%s is still current", id)
	}
}
