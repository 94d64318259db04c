package sandbox_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/sandbox/vmtest"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// newWired makes a fixture whose link goes through a Cutter.
func newWired(t *testing.T, cmdline string, bootTimeout time.Duration) (*fixture, *linktest.Cutter) {
	t.Helper()
	f := newFixture(t, cmdline, func(c *sandbox.Config) { c.BootTimeout = bootTimeout })
	wire, err := linktest.New(filepath.Join(t.TempDir(), "w"), linktest.Unix(f.host.Socket()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	l, err := link.Open(wire.Endpoint(), link.WithPulse(50*time.Millisecond, 200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	f.cfg.Host = sandbox.OverLink(l)
	f.Manager = sandbox.NewManager(f.cfg)
	return f, wire
}

// Wherever the link is cut during a start, the start goes on when it is back,
// and there is one machine.
func TestLinkCutDuringStart(t *testing.T) {
	const places = 10
	f, wire := newWired(t, "", patience)
	f.start().Close()
	totals := map[linktest.Direction]int64{
		linktest.ToHost: wire.Bytes(linktest.ToHost), linktest.ToCard: wire.Bytes(linktest.ToCard),
	}
	for direction, total := range totals {
		for i := range int64(places) {
			n := max(total*i/places, 1)
			t.Run(fmt.Sprintf("%d-%d", direction, n), func(t *testing.T) {
				f, wire := newWired(t, "", patience)
				cut := wire.DownAfter(direction, n)
				go func() {
					<-cut
					_ = wire.Up()
				}()
				s, err := f.Start(f.ctx, f.spec)
				if err != nil {
					t.Fatalf("start: %+v", err)
				}
				defer s.Close()
				f.wantVMs(1)
			})
		}
	}
}

// A link that stays away makes a start fail in time, and what it has made can
// be removed later.
func TestLinkGoneDuringStart(t *testing.T) {
	for name, fail := range map[string]func(*linktest.Cutter){
		"cut":   (*linktest.Cutter).Down,
		"stall": (*linktest.Cutter).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			bootTimeout := time.Second
			err := goneDuringStart(t, fail, bootTimeout)
			for apierr.Is(err, "guest_boot_failed") && bootTimeout < patience/2 {
				bootTimeout *= 2 // the guest was judged before the link was gone
				err = goneDuringStart(t, fail, bootTimeout)
			}
			if !sandbox.HostAway(err) {
				t.Errorf("start: %v", err)
			}
		})
	}
}

// goneDuringStart fails the link during a start, undoes it when the link is
// back, and returns the start's error.
func goneDuringStart(t *testing.T, fail func(*linktest.Cutter), bootTimeout time.Duration) error {
	t.Helper()
	f, wire := newWired(t, vmtest.BehaveSilent, bootTimeout)
	done := make(chan error, 1)
	go func() {
		_, err := f.Start(f.ctx, f.spec)
		done <- err
	}()
	for l := f.host.Link(); len(done) == 0 && !f.hasVM(l); {
		time.Sleep(time.Millisecond)
	}
	fail(wire)
	err := <-done
	wire.Resume()
	if err := wire.Up(); err != nil {
		t.Fatal(err)
	}
	if err := f.Destroy(f.ctx, f.spec.ID); err != nil {
		t.Error(err)
	}
	f.wantVMs(0)
	return err
}
