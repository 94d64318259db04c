package link_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/hosttest"
	"github.com/cardplane/cardplane/vmm/link"
	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// patience bounds a test that would otherwise hang. No test depends on it.
const patience = time.Minute

// wired is a host whose link can be cut, and hangs for less than a second.
type wired struct {
	*link.Link
	ctx  context.Context
	host *hosttest.Host
	wire *linktest.Cutter
}

func newWired(t *testing.T) *wired {
	t.Helper()
	h := hosttest.New(t, nil)
	w := &wired{host: h}
	var err error
	if w.wire, err = linktest.New(filepath.Join(t.TempDir(), "w"), linktest.Unix(h.Socket())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.wire.Close() })
	if w.Link, err = link.Open(w.wire.Endpoint(), link.WithPulse(50*time.Millisecond, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return w
}

// awaitAway waits until the link says that the host is away, or that it is
// not.
func (w *wired) awaitAway(t *testing.T, want bool) {
	t.Helper()
	for {
		changed, err := w.Away()
		if (err != nil) == want {
			return
		}
		select {
		case <-changed:
		case <-w.ctx.Done():
			t.Fatalf("away is %v", err)
		}
	}
}

// A link that hangs with no word to either end keeps nobody waiting for good,
// and what can go on goes on when it is back.
func TestHangingLink(t *testing.T) {
	w := newWired(t)
	if _, err := w.PutVM(w.ctx, "a", spec); err != nil {
		t.Fatal(err)
	}
	tunnel, err := w.Tunnel(w.ctx, "a", hostapi.Api)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tunnel.Close() }()
	waited := make(chan error, 1)
	go func() {
		_, err := w.Wait(w.ctx, "a")
		waited <- err
	}()
	w.wire.Stall()
	if _, err := tunnel.Read(make([]byte, 1)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read from a tunnel: %v", err)
	}
	if _, err := w.VM(w.ctx, "a"); apierr.ClassOf(err) != apierr.Unavailable {
		t.Errorf("call: %v", err)
	}
	w.awaitAway(t, true)
	w.wire.Resume()
	if err := w.DeleteVM(w.ctx, "a", 0); err != nil {
		t.Fatal(err)
	}
	w.awaitAway(t, false)
	if err := <-waited; !apierr.Is(err, "vm_not_found") && err != nil {
		t.Errorf("wait: %v", err)
	}
}

// A tunnel that has nothing to say is not taken for one that hangs.
func TestSilentTunnelStays(t *testing.T) {
	w := newWired(t)
	if _, err := w.PutVM(w.ctx, "a", spec); err != nil {
		t.Fatal(err)
	}
	tunnel, err := w.Tunnel(w.ctx, "a", hostapi.Api)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tunnel.Close() }()
	before := w.wire.Bytes(linktest.ToHost)
	for w.wire.Bytes(linktest.ToHost) < before+1000 { // some pings
		if w.ctx.Err() != nil {
			t.Fatal("the link is not pinged")
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := io.WriteString(tunnel, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Read(make([]byte, 1)); err != nil {
		t.Errorf("the tunnel was broken: %v", err)
	}
}

func TestAway(t *testing.T) {
	w := newWired(t)
	if _, err := w.Away(); err != nil {
		t.Errorf("never used, but away: %v", err)
	}
	w.wire.Down()
	if _, err := w.Host(w.ctx); !apierr.Is(err, "unreachable") {
		t.Errorf("call: %v", err)
	}
	w.awaitAway(t, true)
	if err := w.wire.Up(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Host(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.awaitAway(t, false)
}
