package container_test

import (
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func pids(n int64) cardplane.ContainerUpdate { return cardplane.ContainerUpdate{PidsLimit: &n} }

// What the guest refuses is taken back, as if it had never been asked for.
func TestRefusedUpdate(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.run("sleep 1000")
	if _, err := p.Update(w.ctx, c.ID, pids(7), ""); err != nil {
		t.Fatal(err)
	}
	refused, label := pids(1), "x"
	refused.Labels = map[string]*string{"new": &label}
	if _, err := p.Update(w.ctx, c.ID, refused, ""); !apierr.Is(err, "memory_in_use") {
		t.Fatal(err)
	}
	p.close()
	p = w.open(nil)
	got, err := p.Get(w.ctx, c.ID)
	if must(t, got, err).Spec.Resources.PidsLimit != 7 || len(got.Spec.Labels) > 0 {
		t.Fatalf("%+v", got.Spec)
	}
}

// An update of a run that ends before it has heard of it counts for the next.
func TestUpdateOfALostRun(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	c := p.run("sleep 1000")
	w.wire.Down()
	if _, err := p.Update(w.ctx, c.ID, pids(7), ""); !apierr.Is(err, "host_unavailable") {
		t.Fatal(err)
	}
	if err := w.host.Link().DeleteVM(w.ctx, c.SandboxID, 0); err != nil {
		t.Fatal(err)
	}
	w.up()
	if c := p.end(c.ID); c.State != cardplane.Failed || c.Spec.Resources.PidsLimit != 7 {
		t.Fatalf("%+v", c)
	}
	if _, err := p.Update(w.ctx, c.ID, pids(8), ""); err != nil {
		t.Fatal(err)
	}
}

// A change that the host does not hear of reaches the guest when it is back,
// also from another control plane.
func TestUpdateWhileTheHostIsAway(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	c := p.run("sleep 1000")
	w.wire.Down()
	if _, err := p.Update(w.ctx, c.ID, pids(7), ""); !apierr.Is(err, "host_unavailable") {
		t.Fatal(err)
	}
	if _, err := p.Update(w.ctx, c.ID, pids(8), ""); !apierr.Is(err, "update_pending") {
		t.Fatal(err)
	}
	p.close()
	p = w.open(nil)
	w.up()
	p.awaitEvent(c.ID, cardplane.ContainerUpdated)
	got, err := p.Get(w.ctx, c.ID)
	if must(t, got, err).Spec.Resources.PidsLimit != 7 {
		t.Fatalf("%+v", got.Spec.Resources)
	}
	if _, err := p.Update(w.ctx, c.ID, pids(8), ""); err != nil {
		t.Fatal(err)
	}
}

// What one could not create cannot be made by an update either.
func TestBadUpdates(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	c := p.create("true", func(s *cardplane.ContainerSpec) { s.AutoRemove = true })
	none, some := 0, int64(1)
	for field, update := range map[string]cardplane.ContainerUpdate{
		"/restartPolicy":         {Restart: &cardplane.RestartPolicy{Mode: cardplane.RestartAlways}},
		"/resources/memoryBytes": {MemoryBytes: &some},
		"/resources/pidsLimit":   pids(-1),
		"/resources/vcpus":       {VCPUs: &[]int{65 + none}[0]},
	} {
		if _, err := p.Update(w.ctx, c.ID, update, ""); apierr.ClassOf(err) != apierr.InvalidArgument || apierr.From(err).Field != field {
			t.Errorf("%s: %v at %q", field, err, apierr.From(err).Field)
		}
	}
	if got, err := p.Get(w.ctx, c.ID); err != nil || !got.Spec.Restart.Never() {
		t.Fatalf("%+v, %v", got, err)
	}
}
