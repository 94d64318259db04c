package container_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/event"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

var errKilled = errors.New("the control plane is dead")

// mortal is a control plane that can be killed. fault is asked before and after each step,
// "before PutVM" and "after PutVM"; when it returns true, the control plane is
// dead.
type mortal struct {
	fault func(op string) bool
	crash func()

	mu      sync.Mutex
	dead    bool
	tunnels []net.Conn     // to machines
	dying   sync.WaitGroup // a crash that is under way
}

// hold has a tunnel end with the control plane, whose guests would otherwise go
// on to hear of the dead.
func (m *mortal) hold(tunnel net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tunnels = append(m.tunnels, tunnel)
}

func (m *mortal) dieLocked() {
	m.dead = true
	for _, tunnel := range m.tunnels {
		_ = tunnel.Close()
	}
}

func (m *mortal) check(op string) error {
	now, dead := m.strike(op)
	switch {
	case now:
		defer m.dying.Done()
		m.crash()
	case dead != nil:
		m.dying.Wait() // what is done about a death comes after it
	}
	return dead
}

// checkWithin is check within a transaction, whose end the crash waits for.
func (m *mortal) checkWithin(op string) error {
	now, dead := m.strike(op)
	if now {
		go func() {
			defer m.dying.Done()
			m.crash()
		}()
	}
	return dead
}

// strike reports whether the control plane dies now, and an error if it is dead.
func (m *mortal) strike(op string) (now bool, dead error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return false, errKilled
	}
	m.dying.Add(1) // before the fault tells of it, for whoever waits then
	if m.fault != nil && m.fault(op) {
		now = true
		m.dieLocked()
	} else {
		m.dying.Done()
	}
	if m.dead {
		return now, errKilled
	}
	return false, nil
}

// faultyJournal is a journal whose events can be the last thing that the control
// plane records. One that dies before an event dies before its transaction.
type faultyJournal struct {
	*event.Journal
	*mortal
}

// Recording implements container.EventJournal.
func (j faultyJournal) Recording(e cardplane.Event) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		if err := j.checkWithin("before " + string(e.Type)); err != nil {
			return err
		}
		tx.OnCommit(func() { _ = j.check("after " + string(e.Type)) })
		return j.Journal.Recording(e)(tx)
	}
}

// Publish implements container.EventJournal.
func (j faultyJournal) Publish(ctx context.Context, e cardplane.Event) error {
	if err := j.check("before " + string(e.Type)); err != nil {
		return err
	}
	return errors.Join(j.Journal.Publish(ctx, e), j.check("after "+string(e.Type)))
}

// faultyHost is a host whose calls can be the last thing that the control plane
// does.
type realHost = sandbox.Host

type faultyHost struct {
	realHost
	net *hostNet
	*mortal
}

func guarded[T any](h *faultyHost, op string, call func() (T, error)) (T, error) {
	var none T
	if err := h.check("before " + op); err != nil {
		return none, err
	}
	out, err := call()
	if killed := h.check("after " + op); killed != nil {
		return none, killed
	}
	return out, err
}

func (h *faultyHost) Upload(ctx context.Context, digest string, size int64, content io.ReaderAt) error {
	_, err := guarded(h, "Upload", func() (struct{}, error) { return struct{}{}, h.realHost.Upload(ctx, digest, size, content) })
	return err
}

func (h *faultyHost) PutDisk(ctx context.Context, id string, spec hostapi.DiskSpec) (hostapi.Disk, error) {
	return guarded(h, "PutDisk", func() (hostapi.Disk, error) { return h.realHost.PutDisk(ctx, id, spec) })
}

func (h *faultyHost) DeleteDisk(ctx context.Context, id string) error {
	_, err := guarded(h, "DeleteDisk", func() (struct{}, error) { return struct{}{}, h.realHost.DeleteDisk(ctx, id) })
	return err
}

func (h *faultyHost) PutAttachment(ctx context.Context, vm, name string, spec hostapi.AttachmentSpec) (hostapi.VM, error) {
	return guarded(h, "PutAttachment", func() (hostapi.VM, error) { return h.realHost.PutAttachment(ctx, vm, name, spec) })
}

func (h *faultyHost) DeleteAttachment(ctx context.Context, vm, name string) error {
	_, err := guarded(h, "DeleteAttachment", func() (struct{}, error) { return struct{}{}, h.realHost.DeleteAttachment(ctx, vm, name) })
	return err
}

func (h *faultyHost) PutSnapshot(ctx context.Context, id string, spec hostapi.SnapshotSpec) (hostapi.Snapshot, error) {
	return guarded(h, "PutSnapshot", func() (hostapi.Snapshot, error) { return h.realHost.PutSnapshot(ctx, id, spec) })
}

func (h *faultyHost) DeleteSnapshot(ctx context.Context, id string) error {
	_, err := guarded(h, "DeleteSnapshot", func() (struct{}, error) { return struct{}{}, h.realHost.DeleteSnapshot(ctx, id) })
	return err
}

func (h *faultyHost) PutVM(ctx context.Context, id string, spec hostapi.VMSpec) (hostapi.VM, error) {
	return guarded(h, "PutVM", func() (hostapi.VM, error) {
		return h.withNICs(id, spec, func(spec hostapi.VMSpec) (hostapi.VM, error) { return h.realHost.PutVM(ctx, id, spec) })
	})
}

func (h *faultyHost) DeleteVM(ctx context.Context, id string, grace time.Duration) error {
	_, err := guarded(h, "DeleteVM", func() (struct{}, error) {
		err := h.realHost.DeleteVM(ctx, id, grace)
		if err == nil {
			h.net.unplug(id)
		}
		return struct{}{}, err
	})
	return err
}

func (h *faultyHost) Tunnel(ctx context.Context, id string, kind hostapi.TunnelKind) (net.Conn, error) {
	var made net.Conn
	conn, err := guarded(h, "Tunnel "+string(kind), func() (_ net.Conn, err error) {
		if made, err = h.realHost.Tunnel(ctx, id, kind); err == nil {
			h.hold(made)
		}
		return made, err
	})
	if err != nil && made != nil {
		_ = made.Close() // as the death of the process does
	}
	return conn, err
}
