package cardplane

import (
	"context"
	"io"
	"time"
)

// PathType says what kind of file a path is.
type PathType string

// The types of files.
const (
	PathFile      PathType = "file"
	PathDirectory PathType = "directory"
	PathSymlink   PathType = "symlink"
	PathFIFO      PathType = "fifo"
	PathSocket    PathType = "socket"
	PathDevice    PathType = "device"
)

// PathStat is what a path in a container is.
type PathStat struct {
	// Name is the path's last element.
	Name string
	Type PathType
	// Mode has the permissions with the set-id and sticky bits, as chmod(2)
	// takes them.
	Mode    uint32
	Size    int64
	ModTime time.Time
	// LinkTarget is what a symbolic link holds.
	LinkTarget string
	// IsDirectory tells that it is a directory, or a symbolic link to one.
	IsDirectory bool
}

// FileService reaches the files of containers that run. Paths are absolute and
// resolved as the container's first process sees them; nothing outside the
// container can be reached, whatever links it has.
//
// Errors common to all methods: container_not_running, as it takes the virtual
// machine to read a container's file system, invalid_path, and path_not_found.
type FileService interface {
	// StatPath looks at a path. A symbolic link at its end is not followed.
	StatPath(ctx context.Context, ref, path string) (PathStat, error)

	// CopyFrom returns the file at path, with all below it, as a tar whose
	// names begin with the path's last element, or are relative to the directory
	// where the path ends in "/" or "/.". Only a tar that is read to io.EOF is whole: any other error
	// means that it broke off. ctx is for the call; Close ends the copy.
	CopyFrom(ctx context.Context, ref, path string) (io.ReadCloser, error)

	// CopyTo writes the files of a tar, with the owners that it names, to a
	// directory. A file takes the place of another at once and whole. After an
	// error what was written before stays.
	//
	// Errors: path_conflict, path_escapes, archive_malformed,
	// archive_unsupported, read_only, disk_full.
	CopyTo(ctx context.Context, ref, dir string, archive io.Reader) error
}
