package container_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// newWiredWorld makes a world whose link can be cut.
func newWiredWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "")
	var err error
	if w.wire, err = linktest.New(filepath.Join(t.TempDir(), "w"), linktest.Unix(w.host.Socket())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.wire.Close() })
	return w
}

func (w *world) up() {
	w.t.Helper()
	if err := w.wire.Up(); err != nil {
		w.t.Fatal(err)
	}
}

// cutAt cuts the link after n more bytes in a direction, and mends it.
func (w *world) cutAt(d linktest.Direction, n int64) {
	cut := w.wire.DownAfter(d, n)
	go func() {
		<-cut
		_ = w.wire.Up()
	}()
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

// places calls fn with places in both directions of what a life without a cut
// sends.
func places(t *testing.T, n int64, life func(w *world), fn func(t *testing.T, w *world, d linktest.Direction, at int64)) {
	whole := newWiredWorld(t)
	life(whole)
	for _, d := range []linktest.Direction{linktest.ToHost, linktest.ToCard} {
		total := whole.wire.Bytes(d)
		for i := range n {
			at := max(1, total*i/n)
			t.Run(fmt.Sprintf("%d-%d", d, at), func(t *testing.T) { fn(t, newWiredWorld(t), d, at) })
		}
	}
}

// Wherever the link is cut in a container's life, the program runs once, and
// its output and exit code are whole.
func TestLinkCutAnywhere(t *testing.T) {
	t.Parallel()
	script := func(w *world) string {
		return fmt.Sprintf("echo ran >> %s/ran; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exit 7", w.dir)
	}
	life := func(w *world) {
		p := w.open(nil)
		p.end(p.run(script(w)).ID)
		w.wantClean(p, 1)
	}
	places(t, 8, life, func(t *testing.T, w *world, d linktest.Direction, at int64) {
		p := w.open(nil)
		w.cutAt(d, at)
		c := p.end(p.run(script(w)).ID)
		if c.State != cardplane.Exited || c.ExitCode != 7 {
			t.Errorf("state %s, exit code %d, error %+v", c.State, c.ExitCode, c.Error)
		}
		if out := p.output(c.ID); out != lines(2000) {
			t.Errorf("%d bytes of output, want %d", len(out), len(lines(2000)))
		}
		if ran, err := os.ReadFile(filepath.Join(w.dir, "ran")); string(ran) != "ran\n" {
			t.Errorf("the program ran as %q (%v), want once", ran, err)
		}
		w.wantClean(p, 1)
	})
}

// Wherever the link is cut during an exec, not a byte of its input or output
// is lost or doubled, and its exit code is right.
func TestLinkCutDuringExec(t *testing.T) {
	t.Parallel()
	life := func(w *world) { w.execCat(w.open(nil), func() {}) }
	places(t, 6, life, func(t *testing.T, w *world, d linktest.Direction, at int64) {
		w.execCat(w.open(nil), func() { w.cutAt(d, at) })
	})
}

// execCat sends input through an exec of cat, and checks what comes back.
func (w *world) execCat(p *plane, begin func()) {
	w.t.Helper()
	c := p.run("sleep 1000")
	begin()
	x, err := p.Exec(w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"sh", "-c", "cat; exit 5"}, Stdin: true}, "")
	must(w.t, x, err)
	session, err := p.AttachExec(w.ctx, c.ID, x.ID)
	must(w.t, session, err)
	defer func() { _ = session.Close() }()
	fed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(session, lines(20000))
		fed <- errors.Join(err, session.CloseStdin())
	}()
	var out strings.Builder
	for {
		piece, err := session.Recv(w.ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.t.Fatal(err)
		}
		out.Write(piece.Data)
	}
	if err := <-fed; err != nil {
		w.t.Errorf("stdin: %v", err)
	}
	if out.String() != lines(20000) {
		w.t.Errorf("%d bytes came back, want %d", out.Len(), len(lines(20000)))
	}
	if code, err := session.ExitCode(); code != 5 || err != nil {
		w.t.Errorf("exit code %d, %v", code, err)
	}
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		w.t.Error(err)
	}
	w.wantClean(p, 0)
}

// A link that is down, or hangs, is no container's death: the container is
// shown as it was last known with what it waits for, commands say what to do,
// a stop is done when the link is back, and the time until then counts for
// nothing.
func TestLinkDown(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(*linktest.Cutter){
		"cut":   (*linktest.Cutter).Down,
		"stall": (*linktest.Cutter).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWiredWorld(t)
			w.killTimeout = 2500 * time.Millisecond
			p := w.open(nil)
			c := p.run("trap '' TERM; echo up; while :; do sleep 0.01; done")
			fail(w.wire)
			got := w.until(p, c.ID, func(c cardplane.Container) bool { return c.Reason != "" })
			if got.State != cardplane.Running || got.Reason != "waiting for the compute host" {
				t.Errorf("state %s (%s)", got.State, got.Reason)
			}
			if _, err := p.Exec(w.ctx, c.ID, cardplane.ExecSpec{Command: []string{"true"}}, ""); !apierr.Is(err, "host_unavailable") {
				t.Errorf("exec: %v", err)
			}
			if err := p.Kill(w.ctx, c.ID, "USR1"); !apierr.Is(err, "host_unavailable") {
				t.Errorf("kill: %v", err)
			}
			got, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{Timeout: time.Millisecond})
			if !apierr.Is(err, "host_unavailable") || got.State != cardplane.Stopping {
				t.Errorf("stop: %v, state %s", err, got.State)
			}
			time.Sleep(w.killTimeout) // time to judge the guest by, if it were
			w.wire.Resume()
			w.up()
			if got := p.end(c.ID); got.State != cardplane.Exited || got.ExitCode != 137 {
				t.Errorf("state %s, exit code %d, %+v", got.State, got.ExitCode, got.Error)
			}
			if out := p.output(c.ID); out != "up\n" {
				t.Errorf("output %q", out)
			}
			w.wantClean(p, 1)
		})
	}
}

// A container can be removed while the host is away. What it had there goes
// when the host is back.
func TestRemoveWhileLinkIsDown(t *testing.T) {
	w := newWiredWorld(t)
	p := w.open(nil)
	c := p.run("sleep 1000")
	w.wire.Down()
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Get(w.ctx, c.ID); !apierr.Is(err, "container_not_found") {
		t.Errorf("it is still there: %v", err)
	}
	w.up()
	w.wantClean(p, 0)
}

// A guest that hangs while its host can be reached loses its machine.
func TestGuestUnresponsive(t *testing.T) {
	w := newWorld(t, "")
	w.killTimeout = 100 * time.Millisecond
	p := w.open(nil)
	c := p.run("sleep 1000")
	w.guests[0].Stall()
	stopped, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{})
	must(t, stopped, err)
	if stopped.State != cardplane.Failed || !apierr.Is(stopped.Error, "guest_unresponsive") {
		t.Errorf("state %s, error %v", stopped.State, stopped.Error)
	}
	w.wantClean(p, 1)
}
