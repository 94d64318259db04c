package container_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

var errKilled = errors.New("the control plane is dead")

// faultyHost is a host whose calls can be the last thing that the control
// plane does. fault is asked before and after each call, "before PutVM" and
// "after PutVM"; when it returns true, the control plane is dead.
type realHost = sandbox.Host

type faultyHost struct {
	realHost
	fault func(op string) bool
	crash func()

	mu   sync.Mutex
	dead bool
}

func (h *faultyHost) check(op string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.dead && h.fault != nil && h.fault(op) {
		h.dead = true
		h.crash()
	}
	if h.dead {
		return errKilled
	}
	return nil
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

func (h *faultyHost) PutSnapshot(ctx context.Context, id string, spec hostapi.SnapshotSpec) (hostapi.Snapshot, error) {
	return guarded(h, "PutSnapshot", func() (hostapi.Snapshot, error) { return h.realHost.PutSnapshot(ctx, id, spec) })
}

func (h *faultyHost) DeleteSnapshot(ctx context.Context, id string) error {
	_, err := guarded(h, "DeleteSnapshot", func() (struct{}, error) { return struct{}{}, h.realHost.DeleteSnapshot(ctx, id) })
	return err
}

func (h *faultyHost) PutVM(ctx context.Context, id string, spec hostapi.VMSpec) (hostapi.VM, error) {
	return guarded(h, "PutVM", func() (hostapi.VM, error) { return h.realHost.PutVM(ctx, id, spec) })
}

func (h *faultyHost) DeleteVM(ctx context.Context, id string, grace time.Duration) error {
	_, err := guarded(h, "DeleteVM", func() (struct{}, error) { return struct{}{}, h.realHost.DeleteVM(ctx, id, grace) })
	return err
}

func (h *faultyHost) Tunnel(ctx context.Context, id string, kind hostapi.TunnelKind) (net.Conn, error) {
	var made net.Conn
	conn, err := guarded(h, "Tunnel "+string(kind), func() (_ net.Conn, err error) {
		made, err = h.realHost.Tunnel(ctx, id, kind)
		return made, err
	})
	if err != nil && made != nil {
		_ = made.Close() // as the death of the process does
	}
	return conn, err
}
