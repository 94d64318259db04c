package cardplane

import (
	"cmp"
	"context"
	"io"
	"time"
)

// VolumeFormat is what a volume holds.
type VolumeFormat string

// The formats of volumes.
const (
	// FormatExt4: a file system, of which containers see a directory.
	FormatExt4 VolumeFormat = "ext4"
	// FormatRaw: nothing that Cardplane knows of. Containers see a block device.
	FormatRaw VolumeFormat = "raw"
)

// Or is f, or FormatExt4 where nothing is recorded.
func (f VolumeFormat) Or() VolumeFormat { return cmp.Or(f, FormatExt4) }

// Volume is a file system, or a block device, that outlives the containers that use
// it.
type Volume struct {
	// ID is 32 hexadecimal digits. A volume that is made anew under an old name
	// has another.
	ID string
	// Name is unique among volumes.
	Name      string
	SizeBytes int64
	Format    VolumeFormat `json:",omitempty"`
	Labels    map[string]string
	// SourceID is the id of the volume that it was made as a copy of, or empty.
	SourceID  string `json:",omitempty"`
	CreatedAt time.Time
}

// Defaults and bounds of a volume's size in bytes. A volume is sparse: it takes
// the space of what is written to it.
const (
	DefaultVolumeBytes = 10 << 30
	MinVolumeBytes     = 64 << 20
	MaxVolumeBytes     = 16 << 40
	// MaxVolumeMounts is how many volumes a container can have.
	MaxVolumeMounts = 16
)

// VolumeSpec is what a user asks for.
type VolumeSpec struct {
	// Name is made up when it is empty.
	Name string
	// SizeBytes is MinVolumeBytes to MaxVolumeBytes; 0 means DefaultVolumeBytes,
	// or the size of the source.
	SizeBytes int64
	// Format is FormatExt4, or the source's, when it is empty.
	Format VolumeFormat `json:",omitempty"`
	Labels map[string]string
	// Source is the name or id of a volume to copy; empty for none.
	Source string `json:",omitempty"`
}

// VolumeMount brings a volume into a container.
type VolumeMount struct {
	// Volume is the volume's name. Create makes one that does not exist, with
	// the defaults.
	Volume string
	// Path is where it is mounted: absolute, clean and not "/". A volume that is
	// raw is a block device of this name.
	Path string
	// ReadOnly keeps the container from writing.
	ReadOnly bool `json:",omitempty"`
	// Subpath is a directory of the volume to mount in place of all of it. It
	// must exist when the container starts. One that is raw has none.
	Subpath string `json:",omitempty"`
}

// MountService changes the volumes of a container, also while it runs.
//
// What a call has begun is done, or taken back, although the call was cancelled, the
// control plane ends, or the compute host is away, which is host_unavailable. A
// container that ends meanwhile has it at its next start.
type MountService interface {
	// AttachVolume mounts a volume that exists in the container. After another
	// error than host_unavailable nothing has changed. Errors: volume_not_found,
	// volume_in_use, invalid_volume_path (also where the container has a volume),
	// invalid_volume_subpath, volume_is_raw while the container runs,
	// too_many_volumes, container_changing, sandbox_full,
	// and those of the host and the guest.
	AttachVolume(ctx context.Context, ref string, m VolumeMount) (Container, error)

	// DetachVolume unmounts a volume, which is given by name or id, from wherever
	// the container has it, and frees it for others unless another container of
	// the same machine uses it. Errors: volume_not_found, volume_not_attached;
	// volume_busy while a program uses it, and nothing has changed; volume_is_raw
	// while the container runs;
	// volume_not_released where the guest keeps its disk, so that it is free at the
	// machine's end; container_changing.
	DetachVolume(ctx context.Context, ref, volume string) (Container, error)
}

// VolumeFilter selects volumes in List. All of its parts must match.
type VolumeFilter struct {
	// Labels and Names are as in ContainerFilter.
	Labels, Names []string
}

// Match reports whether f selects v.
func (f VolumeFilter) Match(v Volume) bool {
	return hasLabels(v.Labels, f.Labels) && hasName(f.Names, v.Name)
}

// VolumeService keeps volumes. Every ref is a volume's name or id.
//
// # Use
//
// A volume belongs to the containers that name it, running or not, and is not
// removed while there is one. While containers run, a volume has either one
// that may write to it, or any number that only read: two kernels that write to
// one disk would destroy it. A container which asks for less gets no more: one
// whose mounts of a volume are all read-only is a reader. A reader counts as a
// writer where the file system is not in order, because it was never used or
// its last writer was cut off; to put it in order is to write.
//
// At its first use a volume becomes a copy of what the image has at the mount's
// path, with owner and mode, as Docker does it. One that is raw begins with zeros,
// and containers are given the device itself: of a raw volume there are no files to
// export, import or mount a part of, and the device rules of a container that runs
// are fixed, so that none can come or go. All that fails with volume_is_raw.
//
// Errors common to all methods: volume_not_found.
//
// All methods are safe for concurrent use.
type VolumeService interface {
	// Create records a volume. Its disk on the compute host is made at its first
	// use, or, for a copy of another volume, before Create returns: by the host
	// alone, and without anybody writing to the source meanwhile. A copy that
	// fails leaves nothing. key makes it idempotent, as in ContainerService.
	// Errors: volume_exists, invalid_name, invalid_volume_size,
	// invalid_volume_format, idempotency_key_reused; for copies volume_in_use,
	// volume_cannot_shrink, volume_format_differs, host_unavailable and those of
	// the host.
	Create(ctx context.Context, spec VolumeSpec, key string) (Volume, error)

	// Get returns one volume.
	Get(ctx context.Context, ref string) (Volume, error)

	// List returns volumes in order of creation.
	List(ctx context.Context, filter VolumeFilter) ([]Volume, error)

	// Resize makes a volume hold size bytes, which are no fewer than it holds.
	// The volume's size is recorded first. A file system that a running
	// container writes to then grows at once, and an error to do with that
	// leaves the rest to the next start, or to a repetition. Errors:
	// invalid_volume_size, volume_cannot_shrink, host_unavailable and those of
	// the host and the guest.
	Resize(ctx context.Context, ref string, size int64) (Volume, error)

	// Export returns all that is on a volume as a tar, whose names are relative
	// to the volume's root. Only a tar that is read to io.EOF is whole. ctx is
	// for the call; Close ends the export, until when nobody writes to the
	// volume. No container need run. Errors: volume_is_raw, volume_in_use while one may write
	// to it, host_unavailable and those of the host and the guest.
	Export(ctx context.Context, ref string) (io.ReadCloser, error)

	// Import writes the files of a tar, with the owners that it names, to a
	// volume that nobody uses meanwhile. A file takes the place of another at
	// once and whole. After an error what was written before stays. Errors:
	// those of Export and of FileService.CopyTo.
	Import(ctx context.Context, ref string, archive io.Reader) error

	// Prune removes all volumes that filter selects and that no container
	// names. After an error Pruned says what is gone all the same.
	Prune(ctx context.Context, filter PruneFilter) (Pruned, error)

	// Remove deletes a volume and what is on it. It fails with volume_in_use
	// while a container names it, and while it is copied, exported or imported.
	Remove(ctx context.Context, ref string) error
}
