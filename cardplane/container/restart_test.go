package container_test

import (
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// restart sets the policy of a container.
func restart(mode cardplane.RestartMode, times int) func(*cardplane.ContainerSpec) {
	return func(s *cardplane.ContainerSpec) { s.Restart = cardplane.RestartPolicy{Mode: mode, MaxRetries: times} }
}

// A container that fails is started again as often as asked, each time in a
// machine of its own and with what it had written; then it is over.
func TestRestartOnFailure(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("echo run; exit 3", restart(cardplane.RestartOnFailure, 2))
	first := c.SandboxID
	c = p.end(c.ID)
	if c.State != cardplane.Exited || c.ExitCode != 3 || c.RestartCount != 2 || c.SandboxID == first {
		t.Fatalf("%+v", c)
	}
	if got := p.output(c.ID); got != "run\nrun\nrun\n" {
		t.Fatalf("output %q", got)
	}
	w.wantClean(p, 1)
	// Whoever starts it again begins to count anew.
	if c, err := p.Start(w.ctx, c.ID); err != nil || c.RestartCount != 0 {
		t.Fatalf("%d restarts, %v", c.RestartCount, err)
	}
	if c := p.end(c.ID); c.RestartCount != 2 {
		t.Fatalf("%d restarts", c.RestartCount)
	}
}

func TestNoRestartAfterSuccess(t *testing.T) {
	p := newWorld(t, "").open(nil)
	c := p.run("true", restart(cardplane.RestartOnFailure, 0))
	if c := p.end(c.ID); c.State != cardplane.Exited || c.RestartCount != 0 {
		t.Fatalf("%+v", c)
	}
}

// Nothing starts again what was stopped, whether it ran or was between runs.
func TestStopEndsRestarts(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	running := p.run("sleep 1000", restart(cardplane.RestartAlways, 0))
	if err := p.Kill(w.ctx, running.ID, "KILL"); err != nil {
		t.Fatal(err)
	}
	if c := p.end(running.ID); c.State != cardplane.Exited || c.ExitCode != 137 || c.RestartCount != 0 {
		t.Fatalf("killed: %+v", c)
	}
	between := p.run("exit 1", restart(cardplane.RestartAlways, 0))
	w.until(p, between.ID, func(c cardplane.Container) bool { return c.RestartCount >= 2 && c.State == cardplane.Restarting })
	if err := p.Remove(w.ctx, between.ID, false, ""); !apierr.Is(err, "container_running") {
		t.Fatalf("removed while restarting: %v", err)
	}
	if c, err := p.Stop(w.ctx, between.ID, cardplane.StopOptions{}); err != nil || !c.State.Ended() {
		t.Fatalf("%+v, %v", c, err)
	}
	if c := p.end(between.ID); c.State != cardplane.Exited {
		t.Fatalf("stopped: %+v", c)
	}
}

func TestRemoveWhileRestarting(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("exit 1", restart(cardplane.RestartAlways, 0))
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.RestartCount >= 3 && c.State == cardplane.Restarting })
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// A machine that is lost is a failure.
func TestRestartAfterLoss(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("echo run; sleep 1000", restart(cardplane.RestartUnlessStopped, 0))
	if err := w.host.Link().DeleteVM(w.ctx, c.SandboxID, 0); err != nil {
		t.Fatal(err)
	}
	c = w.until(p, c.ID, func(c cardplane.Container) bool { return c.RestartCount == 1 && c.State == cardplane.Running })
	if c.Error != nil {
		t.Fatalf("the error of the run before is shown: %v", c.Error)
	}
	if _, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{}); err != nil {
		t.Fatal(err)
	}
}

// So is one that is lost while the control plane is away as well.
func TestRestartAfterLossOfBoth(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000", restart(cardplane.RestartAlways, 0))
	p.close()
	if err := w.host.Link().DeleteVM(w.ctx, c.SandboxID, 0); err != nil {
		t.Fatal(err)
	}
	p = w.open(nil)
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.RestartCount == 1 && c.State == cardplane.Running })
	p.wantEvents(c.ID, cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.ContainerFailed, cardplane.ContainerStarted)
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
}

// The control plane's own restart goes on with what was under way, and starts
// what its policy says.
func TestRestartsOverARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	loop := p.run("echo run; exit 1", restart(cardplane.RestartUnlessStopped, 0))
	w.until(p, loop.ID, func(c cardplane.Container) bool { return c.RestartCount >= 2 })
	always := p.run("sleep 1000", restart(cardplane.RestartAlways, 0))
	stopped := p.run("sleep 1000", restart(cardplane.RestartUnlessStopped, 0))
	for _, id := range []string{always.ID, stopped.ID} {
		if _, err := p.Stop(w.ctx, id, cardplane.StopOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	count, err := p.Get(w.ctx, loop.ID)
	must(t, count, err)
	p.close()
	p = w.open(nil)
	w.until(p, always.ID, func(c cardplane.Container) bool { return c.State == cardplane.Running })
	w.until(p, loop.ID, func(c cardplane.Container) bool { return c.RestartCount > count.RestartCount })
	if c, err := p.Get(w.ctx, stopped.ID); err != nil || c.State != cardplane.Exited {
		t.Fatalf("stopped: %+v, %v", c, err)
	}
	for _, id := range []string{always.ID, loop.ID} {
		if err := p.Remove(w.ctx, id, true, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// A first start that fails is told to who asked for it, and not repeated.
func TestNoRestartOfAFailedFirstStart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.create("true", restart(cardplane.RestartAlways, 0), func(s *cardplane.ContainerSpec) { s.Command = []string{"/nonexistent"} })
	if _, err := p.Start(w.ctx, c.ID); !apierr.Is(err, "command_not_found") {
		t.Fatal(err)
	}
	if c := p.end(c.ID); c.State != cardplane.Failed || c.RestartCount != 0 {
		t.Fatalf("%+v", c)
	}
}

func TestBadRestartPolicies(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	for field, spec := range map[string]cardplane.ContainerSpec{
		"/restartPolicy/mode":       {Restart: cardplane.RestartPolicy{Mode: "sometimes"}},
		"/restartPolicy/maxRetries": {Restart: cardplane.RestartPolicy{Mode: cardplane.RestartAlways, MaxRetries: 3}},
		"/restartPolicy":            {Restart: cardplane.RestartPolicy{Mode: cardplane.RestartAlways}, AutoRemove: true},
	} {
		spec.Image, spec.Command = "test", []string{"true"}
		_, err := p.Create(w.ctx, spec, "")
		if !apierr.Is(err, "invalid_restart_policy") || !strings.Contains(apierr.From(err).Field, field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
