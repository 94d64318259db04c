package link

import (
	"context"
	"io"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// Host returns what the host is, which VMMs it has and what is used of it.
func (l *Link) Host(ctx context.Context) (hostapi.Host, error) {
	return apierr.Decode[hostapi.Host](l.client.GetHost(ctx))
}

// ping returns once the host has answered. It keeps no pulse beating.
func (l *Link) ping(ctx context.Context) error {
	req, err := hostapi.NewPingRequest(serverURL)
	if err != nil {
		return err
	}
	return apierr.Done(l.transport.RoundTrip(req.WithContext(ctx)))
}

// Checks runs the host's checks.
func (l *Link) Checks(ctx context.Context) ([]hostapi.Check, error) {
	list, err := apierr.Decode[hostapi.CheckList](l.client.ListChecks(ctx))
	return list.Checks, err
}

// Blob returns how much the host has of a blob. Errors: blob_not_found.
func (l *Link) Blob(ctx context.Context, digest string) (hostapi.Blob, error) {
	return apierr.Decode[hostapi.Blob](l.client.GetBlob(ctx, digest))
}

// Blobs returns all blobs of the host, partial ones included.
func (l *Link) Blobs(ctx context.Context) ([]hostapi.Blob, error) {
	list, err := apierr.Decode[hostapi.BlobList](l.client.ListBlobs(ctx))
	return list.Blobs, err
}

// DeleteBlob removes a blob. Errors: blob_in_use, upload_in_progress.
func (l *Link) DeleteBlob(ctx context.Context, digest string) error {
	return apierr.Done(l.client.DeleteBlob(ctx, digest))
}

// PutDisk makes a disk, or returns the one that is the same.
func (l *Link) PutDisk(ctx context.Context, id string, spec hostapi.DiskSpec) (hostapi.Disk, error) {
	return apierr.Decode[hostapi.Disk](l.client.PutDisk(ctx, id, spec))
}

// Disk returns a disk. Errors: disk_not_found.
func (l *Link) Disk(ctx context.Context, id string) (hostapi.Disk, error) {
	return apierr.Decode[hostapi.Disk](l.client.GetDisk(ctx, id))
}

// Disks returns all disks of the host.
func (l *Link) Disks(ctx context.Context) ([]hostapi.Disk, error) {
	list, err := apierr.Decode[hostapi.DiskList](l.client.ListDisks(ctx))
	return list.Disks, err
}

// DeleteDisk removes a disk. Errors: disk_in_use.
func (l *Link) DeleteDisk(ctx context.Context, id string) error {
	return apierr.Done(l.client.DeleteDisk(ctx, id))
}

// Snapshots returns all snapshots of the host.
func (l *Link) Snapshots(ctx context.Context) ([]hostapi.Snapshot, error) {
	list, err := apierr.Decode[hostapi.SnapshotList](l.client.ListSnapshots(ctx))
	return list.Snapshots, err
}

// PutSnapshot keeps what an exited VM has saved, or returns the snapshot that
// is the same.
func (l *Link) PutSnapshot(ctx context.Context, id string, spec hostapi.SnapshotSpec) (hostapi.Snapshot, error) {
	return apierr.Decode[hostapi.Snapshot](l.client.PutSnapshot(ctx, id, spec))
}

// DeleteSnapshot removes a snapshot.
func (l *Link) DeleteSnapshot(ctx context.Context, id string) error {
	return apierr.Done(l.client.DeleteSnapshot(ctx, id))
}

// PutVM starts a VMM, or returns the VM that is the same, and returns when
// the VMM's API socket accepts.
func (l *Link) PutVM(ctx context.Context, id string, spec hostapi.VMSpec) (hostapi.VM, error) {
	return apierr.Decode[hostapi.VM](l.client.PutVM(ctx, id, spec))
}

// VM returns a VM. Errors: vm_not_found.
func (l *Link) VM(ctx context.Context, id string) (hostapi.VM, error) {
	return apierr.Decode[hostapi.VM](l.client.GetVM(ctx, id))
}

// VMs returns all VMs of the host, exited ones included.
func (l *Link) VMs(ctx context.Context) ([]hostapi.VM, error) {
	list, err := apierr.Decode[hostapi.VMList](l.client.ListVMs(ctx))
	return list.Vms, err
}

// DeleteVM ends a VMM, giving it grace (rounded up to seconds) to end by
// itself, and removes every trace of it.
func (l *Link) DeleteVM(ctx context.Context, id string, grace time.Duration) error {
	seconds := int((grace + time.Second - 1) / time.Second)
	return apierr.Done(l.client.DeleteVM(ctx, id, &hostapi.DeleteVMParams{GraceSeconds: &seconds}))
}

// ConsoleTail returns at most n of the newest bytes of the VM's console. The
// guest has written them: they are not to be trusted.
func (l *Link) ConsoleTail(ctx context.Context, id string, n int64) ([]byte, error) {
	body, err := stream(l.client.ReadConsole(ctx, id, &hostapi.ReadConsoleParams{Bytes: &n}))
	return readAll(body, n, err)
}

// FollowConsole returns the VM's console from offset on, until the VMM has
// exited or ctx is done. The caller closes it. The card itself reads tails; what
// the host's document says of following is tested through this.
func (l *Link) FollowConsole(ctx context.Context, id string, offset int64) (io.ReadCloser, error) {
	follow := true
	return stream(l.client.ReadConsole(ctx, id, &hostapi.ReadConsoleParams{Offset: &offset, Follow: &follow}))
}

// LogTail returns at most n of the newest bytes of the VMM's own log.
func (l *Link) LogTail(ctx context.Context, id string, n int64) ([]byte, error) {
	body, err := stream(l.client.ReadLog(ctx, id, &hostapi.ReadLogParams{Bytes: &n}))
	return readAll(body, n, err)
}
