package sandbox

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/link"
)

// Host is the compute host behind the link. Puts and deletes are idempotent.
// Errors carry the codes of openapi/host.yaml; HostAway knows those of a host
// that cannot be reached.
type Host interface {
	// Host describes the host and its usage.
	Host(ctx context.Context) (hostapi.Host, error)
	// Checks runs the host's checks.
	Checks(ctx context.Context) ([]hostapi.Check, error)

	// Upload makes the host have the blob of that digest ("sha256:<hex>") and
	// size. It goes on where an earlier upload was cut.
	Upload(ctx context.Context, digest string, size int64, content io.ReaderAt) error
	// DeleteBlob removes a blob that no VM uses.
	DeleteBlob(ctx context.Context, digest string) error

	Disks(ctx context.Context) ([]hostapi.Disk, error)
	PutDisk(ctx context.Context, id string, spec hostapi.DiskSpec) (hostapi.Disk, error)
	DeleteDisk(ctx context.Context, id string) error

	Snapshots(ctx context.Context) ([]hostapi.Snapshot, error)
	// PutSnapshot keeps what an exited VM has saved.
	PutSnapshot(ctx context.Context, id string, spec hostapi.SnapshotSpec) (hostapi.Snapshot, error)
	DeleteSnapshot(ctx context.Context, id string) error

	// Networks returns the networks, and what the host uses itself.
	Networks(ctx context.Context) (hostapi.NetworkList, error)
	PutNetwork(ctx context.Context, id string, spec hostapi.NetworkSpec) (hostapi.Network, error)
	DeleteNetwork(ctx context.Context, id string) error
	// PutNIC makes an interface for a VM that runs, and DeleteNIC removes one
	// that the VMM has given up.
	PutNIC(ctx context.Context, vm, name string, spec hostapi.NICSpec) (hostapi.NIC, error)
	DeleteNIC(ctx context.Context, vm, name string) error
	Forwards(ctx context.Context) ([]hostapi.Forward, error)
	PutForward(ctx context.Context, id string, spec hostapi.ForwardSpec) (hostapi.Forward, error)
	DeleteForward(ctx context.Context, id string) error

	VMs(ctx context.Context) ([]hostapi.VM, error)
	VM(ctx context.Context, id string) (hostapi.VM, error)
	PutVM(ctx context.Context, id string, spec hostapi.VMSpec) (hostapi.VM, error)
	// DeleteVM kills the VMM after grace and returns when it is gone.
	DeleteVM(ctx context.Context, id string, grace time.Duration) error
	// PutAttachment gives a running VM a further file, and returns the VM with
	// the file's path.
	PutAttachment(ctx context.Context, vm, name string, spec hostapi.AttachmentSpec) (hostapi.VM, error)
	// DeleteAttachment takes away what PutAttachment has given.
	DeleteAttachment(ctx context.Context, vm, name string) error
	// ConsoleTail returns at most the newest n bytes of the guest's console.
	ConsoleTail(ctx context.Context, id string, n int64) ([]byte, error)
	// Events calls handle for each event of the VMM, from offset on, as they
	// happen. It returns nil once the VMM has exited and all were handled.
	Events(ctx context.Context, id string, offset int64, handle func(hostapi.VMEvent) error) error
	// Away returns why the host cannot be reached, nil while it can for all
	// that is known, and a channel that is closed when that changes.
	Away() (changed <-chan struct{}, err error)
	// Tunnel connects to one of the VM's sockets.
	Tunnel(ctx context.Context, id string, kind hostapi.TunnelKind) (net.Conn, error)
}

// OverLink returns the host at the other end of l.
func OverLink(l *link.Link) Host { return linkHost{l} }

type linkHost struct{ *link.Link }

// Tunnel implements Host.
func (h linkHost) Tunnel(ctx context.Context, id string, kind hostapi.TunnelKind) (net.Conn, error) {
	conn, err := h.Link.Tunnel(ctx, id, kind)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// HostAway reports whether err says that the host cannot be reached, so that
// the same call may succeed once it can.
func HostAway(err error) bool {
	return apierr.Is(err, "unreachable") || apierr.Is(err, "connection_lost") || apierr.Is(err, codeHostAway)
}

const codeHostAway = "host_unavailable"

// Explain puts the error of a host that is away, or that cannot do what the
// user asked for, into words for the user. It returns any other error as it is.
func Explain(err error) error {
	switch {
	case HostAway(err):
		return apierr.New(apierr.Unavailable, codeHostAway,
			"the compute host cannot be reached; see that vmmd runs there and that --link leads to it: %w", err)
	case apierr.ClassOf(err) == apierr.NotSupported:
		// The user's request is at fault, not the control plane.
		lack := apierr.From(err)
		return apierr.New(apierr.FailedPrecondition, lack.Code,
			"%w; leave out what this compute host cannot do, or use a host that can", err).With(lack.Evidence)
	}
	return err
}

// insist calls do, which is idempotent, until the host has answered it, for at
// most patience.
func insist(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	late, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for retry := guestclient.NewBackoff(); ; {
		err := do(ctx)
		if !HostAway(err) || retry.Wait(late) != nil {
			return err
		}
	}
}
