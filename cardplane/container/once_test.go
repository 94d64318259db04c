package container_test

import (
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
)

// A create is repeated after a restart of the control plane, when the
// container has gone its way since and is even gone.
func TestCreateIsRepeatedAfterARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	spec := cardplane.ContainerSpec{Image: "test", Command: []string{"true"}}
	first, err := p.Create(w.ctx, spec, "key")
	must(t, first, err)
	_, err = p.Start(w.ctx, first.ID)
	must(t, first, err)
	p.end(first.ID)
	repeat := func(want int) {
		t.Helper()
		p.close()
		p = w.open(nil)
		again, err := p.Create(w.ctx, spec, "key")
		must(t, again, err)
		if again.ID != first.ID || again.Revision != first.Revision {
			t.Errorf("%+v, was %+v", again, first)
		}
		all, err := p.List(w.ctx, cardplane.ContainerFilter{All: true})
		if must(t, all, err); len(all) != want {
			t.Errorf("%d containers, want %d", len(all), want)
		}
	}
	repeat(1)
	if err := p.Remove(w.ctx, first.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	repeat(0)
}

// An exec is repeated after a restart of the control plane. It runs once, also
// when the control plane died before it had asked the guest.
func TestExecIsRepeatedAfterARestart(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	spec := cardplane.ExecSpec{Command: []string{"sh", "-c", "exit 6"}}
	first, err := p.Exec(w.ctx, c.ID, spec, "key")
	must(t, first, err)
	// What is in the store when it dies between its record and the guest.
	planned := cardplane.Exec{ID: "0011223344556677", ContainerID: c.ID, Command: spec.Command, Running: true}
	saved := store.Exec{ID: planned.ID, Command: spec.Command}
	if err := p.store.SaveExec(c.ID, saved, store.Remember("exec/"+c.ID+"/cut", spec, planned, false)); err != nil {
		t.Fatal(err)
	}
	// And of one that it has forgotten since, as its guest has.
	gone := cardplane.Exec{ID: "8899aabbccddeeff", ContainerID: c.ID, Command: spec.Command, Running: true}
	if err := p.store.Update(store.Remember("exec/"+c.ID+"/gone", spec, gone, false)); err != nil {
		t.Fatal(err)
	}
	p.close()
	p = w.open(nil)
	again, err := p.Exec(w.ctx, c.ID, spec, "gone")
	if must(t, again, err); again.ID != gone.ID {
		t.Errorf("%+v, was %+v", again, gone)
	}
	if x, err := p.GetExec(w.ctx, c.ID, gone.ID); err == nil {
		t.Errorf("it was started again: %+v", x)
	}
	again, err = p.Exec(w.ctx, c.ID, spec, "key")
	if must(t, again, err); again.ID != first.ID {
		t.Errorf("%+v, was %+v", again, first)
	}
	late, err := p.Exec(w.ctx, c.ID, spec, "cut")
	if must(t, late, err); late.ID != planned.ID {
		t.Errorf("%+v, was planned as %+v", late, planned)
	}
	w.until(p, c.ID, func(cardplane.Container) bool {
		x, err := p.GetExec(w.ctx, c.ID, planned.ID)
		return err == nil && !x.Running && x.ExitCode == 6
	})
}
