package suite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/ci/harness"
)

// templated starts a stack that makes templates.
func templated(t *testing.T) *harness.Stack {
	t.Helper()
	cfg := harness.DefaultConfig()
	cfg.CardArgs = append(cfg.CardArgs, "--templates", "2")
	s := harness.ForTest(t, cfg)
	load(t, s, "python")
	return s
}

// awaitVMs returns once the host has n virtual machines.
func awaitVMs(t *testing.T, s *harness.Stack, n int) {
	t.Helper()
	l, err := s.Link()
	must(t, err)
	defer l.Close()
	ctx := patient(t)
	eventually(t, fmt.Sprint(n, " virtual machines"), func() bool {
		vms, err := l.VMs(ctx)
		return err == nil && len(vms) == n
	})
}

// clone is what a machine tells of itself.
type clone struct {
	steps          string
	random, bootID string
	clock          time.Time
}

// runClone runs a container that tells what should be a machine's own, with
// more of the flags of `cardctl run`.
func runClone(t *testing.T, s *harness.Stack, flags ...string) clone {
	t.Helper()
	name := unique(t)
	args := slices.Concat([]string{"run", "--name", name}, flags, []string{"demo/python", "python3", "-c",
		"import os, time; print(os.urandom(16).hex(), open('/proc/sys/kernel/random/boot_id').read().strip(), time.time())"})
	out, _ := run(t, s, 0, args...)
	words := strings.Fields(out)
	if len(words) != 3 {
		t.Fatalf("the container printed %q", out)
	}
	seconds, err := strconv.ParseFloat(words[2], 64)
	must(t, err)
	inspected, _ := run(t, s, 0, "inspect", name)
	var list []struct {
		Timings []struct{ Step string }
	}
	must(t, json.Unmarshal([]byte(inspected), &list))
	var steps []string
	for _, timing := range list[0].Timings {
		steps = append(steps, timing.Step)
	}
	run(t, s, 0, "rm", name)
	return clone{strings.Join(steps, " "), words[0], words[1], time.UnixMilli(int64(1000 * seconds))}
}

// The first container of the usual size and the second of another one start
// from templates, and share nothing with each other.
func TestTemplate(t *testing.T) {
	t.Parallel()
	s := templated(t)
	must(t, s.AwaitTemplates(patient(t), 1))
	if first := runClone(t, s, "--memory", "300m"); first.steps != "image files vmm boot program" {
		t.Errorf("the first start of another size took the steps %s", first.steps)
	}
	must(t, s.AwaitTemplates(patient(t), 2))
	var seen []clone
	for _, memory := range []string{"256m", "300m"} {
		before := time.Now().Add(-time.Second)
		c := runClone(t, s, "--memory", memory)
		if c.steps != "image files vmm restore program" {
			t.Errorf("the steps are %s", c.steps)
		}
		if c.clock.Before(before) || c.clock.After(time.Now().Add(time.Second)) {
			t.Errorf("the clock says %s, and it is %s", c.clock, time.Now())
		}
		seen = append(seen, c)
	}
	if seen[0].random == seen[1].random || seen[0].bootID == seen[1].bootID {
		t.Errorf("two machines are alike: %+v", seen)
	}
	must(t, s.KillCard())
	must(t, s.StartCard(t.Context()))
	if c := runClone(t, s); !strings.Contains(c.steps, "restore") {
		t.Errorf("after a restart the steps are %s", c.steps)
	}
}

// A template that was harmed costs a start time, and nothing else.
func TestTemplateHarmed(t *testing.T) {
	t.Parallel()
	s := templated(t)
	must(t, s.AwaitTemplates(patient(t), 1))
	_, err := s.OnHost("truncate -s 1048576 '" + s.HostData() + "'/snapshots/*/files/memory-ranges")
	must(t, err)
	if c := runClone(t, s); !strings.Contains(c.steps, "boot") {
		t.Errorf("the steps are %s", c.steps)
	}
	if log := s.Logs(); !strings.Contains(log, "the template is removed and the guest boots") {
		t.Error("the control plane does not log that the template was no good")
	}
	must(t, s.AwaitTemplates(patient(t), 1)) // it was removed, and is made anew
	if c := runClone(t, s); !strings.Contains(c.steps, "restore") {
		t.Errorf("the steps are %s", c.steps)
	}
}

// The death of the control plane or of the host's daemon while a template is
// made leaves nothing half made.
func TestTemplateCutShort(t *testing.T) {
	t.Parallel()
	s := templated(t)
	for _, cut := range []struct {
		memory string // a size that has no template
		kill   func() error
		start  func() error
	}{
		{"300m", s.KillCard, func() error { return s.StartCard(t.Context()) }},
		{"310m", s.KillHost, func() error { return s.StartHost(t.Context()) }},
	} {
		runClone(t, s, "--memory", cut.memory)
		awaitVMs(t, s, 1) // which becomes a template
		must(t, cut.kill())
		must(t, cut.start())
		awaitVMs(t, s, 0)
		if c := runClone(t, s, "--memory", cut.memory); c.random == "" {
			t.Error("no container")
		}
	}
}
