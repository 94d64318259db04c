package cardplane

import "context"

// VersionInfo says what runs where.
type VersionInfo struct {
	Version, APIVersion, GoVersion string
	// Epoch counts the starts of the control plane on its store.
	Epoch int64
	// GuestKernel is the release of the kernel that virtual machines boot.
	GuestKernel string
	Host        HostVersion
}

// HostVersion describes the compute host behind the link.
type HostVersion struct {
	Reachable bool
	// Version of vmmd, and the VMM that new virtual machines get.
	Version, VMM string
	// Networks is the mode of networks that come into use now, "" where there
	// can be none.
	Networks NetworkMode
	// Detail says why the host cannot be reached.
	Detail string
}

// CheckStatus is the outcome of a check.
type CheckStatus string

// The outcomes of a check.
const (
	CheckOK   CheckStatus = "ok"
	CheckWarn CheckStatus = "warn"
	CheckFail CheckStatus = "fail"
)

// Check is one thing that doctor looked at.
type Check struct {
	// Where is "card" or "host".
	Where, Name string
	Status      CheckStatus
	// Detail is what was found, Remedy the one step that mends it.
	Detail, Remedy string
}

// UsageKind is a kind of things that take space on a disk.
type UsageKind string

// The kinds.
const (
	// UsageImages are layers and block files, UsagePartialPulls what broken
	// pulls have left.
	UsageImages       UsageKind = "images"
	UsagePartialPulls UsageKind = "partial-pulls"
	// UsageContainers are writable layers, UsageLogs journals of output.
	UsageContainers UsageKind = "containers"
	UsageLogs       UsageKind = "logs"
	UsageVolumes    UsageKind = "volumes"
)

// DiskUsage says what the things of a kind take on a disk.
type DiskUsage struct {
	Kind UsageKind
	// Where is "card" or "host".
	Where string
	// Count is how many there are, Active how many of them are in use.
	Count, Active int
	// Known is false while the disk cannot be looked at; the sizes are 0 then.
	Known bool
	// Size is in bytes. Reclaimable is what removing all that are not in use
	// would free.
	Size, Reclaimable int64
}

// SystemService describes the control plane itself.
type SystemService interface {
	// VersionInfo never fails because the host is away: it says so.
	VersionInfo(ctx context.Context) (VersionInfo, error)
	// Doctor checks card and host.
	Doctor(ctx context.Context) ([]Check, error)
	// DiskUsage says what takes space. It never fails because the host is away.
	DiskUsage(ctx context.Context) ([]DiskUsage, error)
}
