package container_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/link"
)

// templatesAndVMs lists the ids of the snapshots on the host, and counts its
// machines.
func templatesAndVMs(w *world, l *link.Link) (ids []string, machines int) {
	w.t.Helper()
	list, err := l.Snapshots(w.ctx)
	must(w.t, list, err)
	for _, s := range list {
		ids = append(ids, s.Id)
	}
	vms, err := l.VMs(w.ctx)
	return ids, len(must(w.t, vms, err))
}

// awaitTemplates waits until the host has templates as wanted, which the ledger
// covers, and no machine, and the ledger says so. It returns the templates.
func (w *world) awaitTemplates(p *plane, wanted func(ids []string) bool) []string {
	w.t.Helper()
	for l := w.host.Link(); ; {
		ids, machines := templatesAndVMs(w, l)
		if wanted(ids) && machines == 0 && !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(p.claimed(store.Snapshot), id) }) && len(p.claimed(store.VM)) == 0 {
			return ids
		}
		select {
		case <-time.After(time.Millisecond):
		case <-w.ctx.Done():
			w.t.Fatalf("templates %v, %d VMs, ledger %v and %v", ids, machines, p.claimed(store.Snapshot), p.claimed(store.VM))
		}
	}
}

func one(ids []string) bool  { return len(ids) == 1 }
func none(ids []string) bool { return len(ids) == 0 }

// claimed lists what the ledger has of a kind.
func (p *plane) claimed(kind store.Kind) []string {
	p.w.t.Helper()
	ledger, err := p.store.Ledger()
	must(p.w.t, ledger, err)
	var ids []string
	for _, r := range ledger {
		if r.Kind == kind {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// steps runs a container to its end and returns how its machine came up.
func (p *plane) steps(change ...func(*cardplane.ContainerSpec)) string {
	p.w.t.Helper()
	c := p.end(p.run("true", append(change, func(s *cardplane.ContainerSpec) { s.AutoRemove = true })...).ID)
	for _, timing := range c.Timings {
		if timing.Step == "boot" || timing.Step == "restore" {
			return timing.Step
		}
	}
	return ""
}

func larger(s *cardplane.ContainerSpec) { s.Resources.MemoryBytes = 512 << 20 }

// A size that was booted gets a template, in the place of the one that was not
// used for the longest time; the next control plane without templates removes
// them all.
func TestTemplatesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.templates = 1
	p := w.open(nil)
	if got := p.steps(); got != "boot" {
		t.Errorf("the first: %s", got)
	}
	first := w.awaitTemplates(p, one)[0]
	if got := p.steps(); got != "restore" {
		t.Errorf("the second: %s", got)
	}
	if got := p.steps(larger); got != "boot" {
		t.Errorf("the first of another size: %s", got)
	}
	w.awaitTemplates(p, func(ids []string) bool { return one(ids) && ids[0] != first })
	if got := p.steps(larger); got != "restore" {
		t.Errorf("the second of another size: %s", got)
	}
	p.close()
	w.templates = 0
	w.awaitTemplates(w.open(nil), none)
}

// The template that is to be ready is made before anybody starts a
// container, and once; also when the host comes late.
func TestReady(t *testing.T) {
	w := newWiredWorld(t)
	w.wire.Down()
	w.templates, w.ready = 2, &sandbox.Spec{
		VCPUs: cardplane.DefaultVCPUs, MemoryBytes: cardplane.DefaultMemoryBytes,
		Image: sandbox.AnyImage, Disk: &sandbox.Disk{SizeBytes: cardplane.DefaultStorageBytes},
	}
	p := w.open(nil)
	w.up()
	made := w.awaitTemplates(p, one)
	if got := p.steps(); got != "restore" {
		t.Errorf("the first: %s", got)
	}
	p.close()
	p = w.open(nil)
	if got := w.awaitTemplates(p, one); !slices.Equal(got, made) {
		t.Errorf("the template %v took the place of %v", got, made)
	}
}

// The control plane is killed before and after every call that it makes to the
// host while a template is made. The next one leaves nothing half made.
func TestKilledWhileTemplateIsMade(t *testing.T) {
	t.Parallel()
	for n, whole := 1, false; !whole; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t, "")
			w.templates = 1
			killer := &killer{left: n, killed: make(chan string, 1)}
			p := w.open(killer.hears)
			c := p.create("read x", func(s *cardplane.ContainerSpec) { s.Stdin = true })
			_, err := p.Start(w.ctx, c.ID)
			must(t, c, err)
			killer.arm(true)
			op := killedOrMade(w, killer.killed)
			if killer.arm(false); op == "" && len(killer.killed) == 1 {
				op = <-killer.killed // by the last call that made it
			}
			if op != "" {
				t.Log("killed", op)
				p.closeDead()
				p = w.open(nil)
			} else {
				whole = true
			}
			if err := p.Remove(w.ctx, c.ID, true, ""); err != nil && !apierr.Is(err, "container_not_found") {
				t.Fatal(err)
			}
			w.awaitTemplates(p, func(ids []string) bool { return len(ids) <= 1 })
			if got := p.steps(); got == "" {
				t.Error("no machine")
			}
		})
		if t.Failed() {
			return
		}
	}
}

// killer kills a control plane at a call to the host, the left-th one while it
// is armed.
type killer struct {
	mu     sync.Mutex
	armed  bool
	left   int
	killed chan string // what it was killed at
}

func (k *killer) arm(armed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed = armed
}

func (k *killer) hears(op string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.armed {
		return false
	}
	k.left--
	if k.left != 0 {
		return false
	}
	k.killed <- op
	return true
}

// killedOrMade returns what killed says, or "" once there is a template and
// what it was made in is gone.
func killedOrMade(w *world, killed <-chan string) string {
	w.t.Helper()
	for l := w.host.Link(); ; {
		ids, machines := templatesAndVMs(w, l)
		if one(ids) && machines == 1 {
			return ""
		}
		select {
		case op := <-killed:
			return op
		case <-time.After(time.Millisecond):
		}
	}
}
