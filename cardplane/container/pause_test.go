package container_test

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// eventsOf returns the types of all events of an object.
func (p *plane) eventsOf(id string) []cardplane.EventType {
	p.w.t.Helper()
	types, err := p.eventTypes(id)
	return must(p.w.t, types, err)
}

func (p *plane) eventTypes(id string) ([]cardplane.EventType, error) {
	r, err := p.events.Events(p.w.ctx, cardplane.EventOptions{})
	if err != nil {
		return nil, err
	}
	var types []cardplane.EventType
	for {
		e, err := r.Next(p.w.ctx)
		if errors.Is(err, io.EOF) {
			return types, nil
		}
		if err != nil {
			return nil, err
		}
		if e.Subject == id {
			types = append(types, e.Type)
		}
	}
}

// awaitEvent waits for an event of a container.
func (p *plane) awaitEvent(id string, wanted cardplane.EventType) {
	p.w.t.Helper()
	for !slices.Contains(p.eventsOf(id), wanted) {
		select {
		case <-time.After(time.Millisecond):
		case <-p.w.ctx.Done():
			p.w.t.Fatalf("no %s in %v", wanted, p.eventsOf(id))
		}
	}
}

// A paused container stays so over a restart of the control plane, and goes on
// where it was.
func TestPauseOverARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("read x; exit 5", func(s *cardplane.ContainerSpec) { s.Stdin = true })
	if c, err := p.Pause(w.ctx, c.ID); err != nil || c.State != cardplane.Paused {
		t.Fatalf("%+v, %v", c, err)
	}
	p.close()
	p = w.open(nil)
	if c, err := p.Get(w.ctx, c.ID); err != nil || c.State != cardplane.Paused {
		t.Fatalf("%+v, %v", c, err)
	}
	session, err := p.Attach(w.ctx, c.ID, cardplane.AttachOptions{Stdin: true})
	must(t, session, err)
	defer func() { _ = session.Close() }()
	if _, err := io.WriteString(session, "x\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Unpause(w.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if c := p.end(c.ID); c.ExitCode != 5 {
		t.Fatalf("%+v", c)
	}
	p.awaitEvent(c.ID, cardplane.ContainerPaused)
	p.awaitEvent(c.ID, cardplane.ContainerUnpaused)
}

// A pause that the host does not hear of is done when it is back, also by
// another control plane.
func TestPauseWhileTheHostIsAway(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	c := p.run("sleep 1000")
	w.wire.Down()
	if _, err := p.Pause(w.ctx, c.ID); !apierr.Is(err, "host_unavailable") {
		t.Fatal(err)
	}
	p.close()
	p = w.open(nil)
	w.up()
	p.awaitEvent(c.ID, cardplane.ContainerPaused)
	if c, err := p.Get(w.ctx, c.ID); err != nil || c.State != cardplane.Paused {
		t.Fatalf("%+v, %v", c, err)
	}
	// Its stop signal wakes it.
	if c, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{Timeout: time.Hour}); err != nil || c.ExitCode != 128+15 {
		t.Fatalf("%+v, %v", c, err)
	}
	w.wantClean(p, 1)
}

// A restart is finished by the next control plane, with the files that the
// container has, and also where no policy would start it again.
func TestRestartOverARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("trap '' TERM; echo run; while :; do sleep 0.01; done", func(s *cardplane.ContainerSpec) { s.AutoRemove = true })
	failed := make(chan error, 1)
	go func() {
		_, err := p.Restart(w.ctx, c.ID, cardplane.StopOptions{Timeout: time.Hour})
		failed <- err
	}()
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.State == cardplane.Stopping })
	p.close()
	if err := <-failed; !apierr.Is(err, "shutting_down") {
		t.Fatal(err)
	}
	p = w.open(nil)
	if err := p.Kill(w.ctx, c.ID, "KILL"); err != nil {
		t.Fatal(err)
	}
	again := w.until(p, c.ID, func(c cardplane.Container) bool { return c.State == cardplane.Running })
	if again.SandboxID == c.SandboxID || again.RestartCount != 0 {
		t.Fatalf("%+v", again)
	}
	p.awaitEvent(c.ID, cardplane.ContainerRestarted)
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// A stop takes a restart back that is under way.
func TestStopEndsARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("trap '' TERM; while :; do sleep 0.01; done")
	failed := make(chan error, 1)
	go func() {
		_, err := p.Restart(w.ctx, c.ID, cardplane.StopOptions{Timeout: time.Hour})
		failed <- err
	}()
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.State == cardplane.Stopping })
	if c, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{}); err != nil || c.State != cardplane.Exited {
		t.Fatalf("%+v, %v", c, err)
	}
	if err := <-failed; !apierr.Is(err, "start_canceled") {
		t.Fatal(err)
	}
	w.wantClean(p, 1)
}

// A restart of a container between two runs does not wait for its pause.
func TestRestartWhileRestarting(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("exit 1", restart(cardplane.RestartAlways, 0))
	w.until(p, c.ID, func(c cardplane.Container) bool { return c.RestartCount >= 3 && c.State == cardplane.Restarting })
	if _, err := p.Restart(w.ctx, c.ID, cardplane.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	p.awaitEvent(c.ID, cardplane.ContainerRestarted)
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
}

// A new name is durable, and the old one is free.
func TestRename(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.create("true", func(s *cardplane.ContainerSpec) { s.Name = "old" })
	if _, err := p.Rename(w.ctx, "old", "new", ""); err != nil {
		t.Fatal(err)
	}
	p.close()
	p = w.open(nil)
	if got, err := p.Get(w.ctx, "new"); err != nil || got.ID != c.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	p.create("true", func(s *cardplane.ContainerSpec) { s.Name = "old" })
	if err := p.Remove(w.ctx, "new", false, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(w.ctx, "old"); err != nil {
		t.Fatal(err)
	}
}
