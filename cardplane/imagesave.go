package cardplane

import (
	"context"
	"time"
)

// HistoryEntry is a step of how an image was made.
type HistoryEntry struct {
	Created   time.Time
	CreatedBy string
	Comment   string
	// Layer is the digest of the layer that the step has made, if any, and
	// Size that of the layer as it is stored.
	Layer string
	Size  int64
}

// ArchiveFormat is a form in which images are saved.
type ArchiveFormat string

// The formats. A docker-archive is an OCI image layout with a manifest.json.
const (
	FormatDocker ArchiveFormat = "docker-archive"
	FormatOCI    ArchiveFormat = "oci"
)

// SaveOptions are the parameters of [ImageService.Save].
type SaveOptions struct {
	// Images are references and IDs. An image that is given by a name is saved
	// with that name, one by ID without.
	Images []string
	// Format is FormatDocker if it is empty.
	Format ArchiveFormat
}

// ImagePruneOptions are the parameters of [ImageService.Prune].
type ImagePruneOptions struct {
	PruneFilter
	// All selects also images with names.
	All bool
	// InUse is that of [RemoveOptions].
	InUse func(ctx context.Context, id string) (user string, inUse bool, err error)
}

// Match reports whether o selects i, in use or not.
func (o ImagePruneOptions) Match(i Image) bool {
	return (o.All || len(i.Names) == 0) && hasLabels(i.Config.Labels, o.Labels) &&
		(o.Until.IsZero() || i.Created.Before(o.Until))
}
