package tartree

import (
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// The types of a file in Stat.
const (
	File      = "file"
	Directory = "directory"
	Symlink   = "symlink"
	FIFO      = "fifo"
	Socket    = "socket"
	Device    = "device"
)

// Stat is what a path is.
type Stat struct {
	// Name is the path's last element.
	Name string
	// Type is one of the constants above.
	Type string
	// Mode has the permissions with the set-id and sticky bits.
	Mode    uint32
	Size    int64
	ModTime time.Time
	// LinkTarget is what a symbolic link holds.
	LinkTarget string
	// IsDirectory tells that it is a directory or a link that leads to one.
	IsDirectory bool
}

// Source is a file to be looked at or sent.
type Source struct {
	root, dir  *os.File
	path, name string
}

// Open finds path as if root were the root directory. A symbolic link at its
// end is the file itself, but where the path ends in "/" or "/.".
func Open(root *os.File, file string) (*Source, error) {
	s := &Source{root: root, path: path.Clean("/" + file)}
	parent := path.Dir(s.path)
	s.name = path.Base(s.path)
	if s.path == "/" || strings.HasSuffix(file, "/") || strings.HasSuffix(file, "/.") {
		parent, s.name = s.path, "."
	}
	var err error
	if s.dir, err = OpenIn(root, parent); err != nil {
		return nil, missing(file, err)
	}
	var stat unix.Stat_t
	if err := unix.Fstatat(int(s.dir.Fd()), s.name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, errors.Join(missing(file, err), s.Close())
	}
	return s, nil
}

// missing is failed for what is only looked for.
func missing(name string, err error) error {
	if is(err, unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.ENAMETOOLONG) {
		return apierr.New(apierr.NotFound, "path_not_found", "there is no %q", name)
	}
	return failed(name, err)
}

// Close releases the source.
func (s *Source) Close() error { return s.dir.Close() }

// Name returns what the file is called in a tar unless told otherwise: the
// path's last element, or "." for a path that ended in "/" or "/.".
func (s *Source) Name() string { return s.name }

// Write sends the file, with all that is below it, as Write does.
func (s *Source) Write(w io.Writer, as string, opts WriteOptions) error {
	return Write(w, s.dir, s.name, as, opts)
}

// Stat looks at the file.
func (s *Source) Stat() (Stat, error) {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(s.dir.Fd()), s.name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Stat{}, missing(s.path, err)
	}
	out := Stat{Name: path.Base(s.path), Type: kind(stat.Mode), Mode: stat.Mode & 0o7777, Size: stat.Size, ModTime: time.Unix(stat.Mtim.Unix()).UTC()}
	out.IsDirectory = out.Type == Directory
	if out.Type != Symlink {
		return out, nil
	}
	target := make([]byte, 4096)
	n, err := unix.Readlinkat(int(s.dir.Fd()), s.name, target)
	if err != nil {
		return Stat{}, missing(s.path, err)
	}
	out.LinkTarget = string(target[:n])
	if f, err := OpenIn(s.root, s.path); err == nil {
		out.IsDirectory = unix.Fstat(int(f.Fd()), &stat) == nil && kind(stat.Mode) == Directory
		_ = f.Close()
	}
	return out, nil
}

func kind(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return File
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return FIFO
	case unix.S_IFSOCK:
		return Socket
	}
	return Device
}

// ExtractAt writes the files of a tar beneath the directory that path is in
// root, which may be reached by symbolic links.
func ExtractAt(r io.Reader, root *os.File, dir string, opts ExtractOptions) error {
	opts.InRoot = path.Clean(dir) == "/"
	f, err := open(root, dir, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT)
	if is(err, unix.ENOTDIR) {
		return apierr.New(apierr.FailedPrecondition, "path_conflict", "%q is no directory, so nothing can be copied into it", dir)
	}
	if err != nil {
		return missing(dir, err)
	}
	defer func() { _ = f.Close() }()
	return Extract(r, f, opts)
}
