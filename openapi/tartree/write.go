package tartree

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxLinks bounds how many files with several names are remembered. Those
// beyond it are sent once for each name.
const maxLinks = 1 << 16

// namesAtOnce is how many names of a directory are held in memory.
const namesAtOnce = 256

// WriteOptions say what Write leaves out.
type WriteOptions struct {
	// RootOwned gives every file the owner and group 0.
	RootOwned bool
}

// Write sends the file name of dir, with all that is below it, as a tar in
// which it is called as. What vanishes meanwhile is left out, and a file that
// shrinks is filled up with zeros. Of a file system of the kernel's own that is
// mounted below, as /proc is below /, only the directory is sent. No tar is
// finished after an error.
func Write(w io.Writer, dir *os.File, name, as string, opts WriteOptions) error {
	t := &writer{tar: tar.NewWriter(w), opts: opts, links: map[fileID]string{}, buffer: make([]byte, bufferSize)}
	if err := t.tree(dir, name, as, 0); err != nil {
		return err
	}
	return t.tar.Close()
}

type writer struct {
	tar    *tar.Writer
	opts   WriteOptions
	links  map[fileID]string // to the name under which it was sent
	buffer []byte
}

// fileID tells files with several names.
type fileID struct{ device, inode uint64 }

// tree sends the file name of dir.
func (t *writer) tree(dir *os.File, name, as string, depth int) error {
	if depth > maxDepth {
		return apierr.New(apierr.FailedPrecondition, "path_conflict", "%.200q is nested more than %d directories deep; copy a part of it", as, maxDepth)
	}
	err := t.file(dir, name, as, depth)
	if depth > 0 && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return failed(as, err)
}

func (t *writer) file(dir *os.File, name, as string, depth int) error {
	var stat unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return t.directory(dir, name, as, depth)
	case unix.S_IFREG:
		return t.regular(dir, name, as)
	case unix.S_IFSOCK:
		return nil
	}
	h := t.header(as, &stat)
	if h.Typeflag == tar.TypeSymlink {
		n, err := unix.Readlinkat(int(dir.Fd()), name, t.buffer)
		if err != nil {
			return err
		}
		h.Linkname = string(t.buffer[:n])
	}
	return t.tar.WriteHeader(h)
}

// header describes a file, but for its extended attributes and what it links to.
func (t *writer) header(as string, stat *unix.Stat_t) *tar.Header {
	h := &tar.Header{
		Name: as, Mode: int64(stat.Mode & 0o7777), Uid: int(stat.Uid), Gid: int(stat.Gid),
		ModTime: time.Unix(stat.Mtim.Unix()),
	}
	if t.opts.RootOwned {
		h.Uid, h.Gid = 0, 0
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, as+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if stat.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(stat.Rdev)), int64(unix.Minor(stat.Rdev))
	default:
		h.Typeflag, h.Size = tar.TypeReg, stat.Size
	}
	return h
}

// openAt opens a file for reading that was seen to be of kind, without waiting
// for anybody if it no longer is.
func openAt(dir *os.File, name string, kind uint32) (*os.File, *unix.Stat_t, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		if is(err, unix.ELOOP, unix.ENXIO) { // it was exchanged for something else
			err = unix.ENOENT
		}
		return nil, nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	stat := new(unix.Stat_t)
	if err = unix.Fstat(fd, stat); err == nil && stat.Mode&unix.S_IFMT != kind {
		err = unix.ENOENT
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, stat, nil
}

func (t *writer) directory(dir *os.File, name, as string, depth int) error {
	f, stat, err := openAt(dir, name, unix.S_IFDIR)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := t.header(as, stat)
	if h.PAXRecords, err = attributes(f); err != nil {
		return err
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return err
	}
	if depth > 0 && isKernels(f) {
		return nil
	}
	for {
		names, err := f.Readdirnames(namesAtOnce)
		for _, child := range names {
			if err := t.tree(f, child, path.Join(as, child), depth+1); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// kernels are the file systems (statfs(2)) whose files are not data but the
// kernel's answers, endless or unreadable ones among them.
var kernels = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
	unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.DEVPTS_SUPER_MAGIC,
}

// isKernels reports whether dir is on one of them.
func isKernels(dir *os.File) bool {
	var stat unix.Statfs_t
	err := unix.Fstatfs(int(dir.Fd()), &stat)
	return err == nil && slices.Contains(kernels, int64(stat.Type)) //nolint:unconvert // another type on other machines
}

func (t *writer) regular(dir *os.File, name, as string) error {
	f, stat, err := openAt(dir, name, unix.S_IFREG)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := t.header(as, stat)
	if stat.Nlink > 1 {
		id := fileID{stat.Dev, stat.Ino}
		if first, sent := t.links[id]; sent {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return t.tar.WriteHeader(h)
		}
		if len(t.links) < maxLinks {
			t.links[id] = as
		}
	}
	if h.PAXRecords, err = attributes(f); err != nil {
		return err
	}
	if err := t.tar.WriteHeader(h); err != nil {
		return err
	}
	return t.content(f, h.Size)
}

// content sends size bytes: f's, and zeros where f has become shorter.
func (t *writer) content(f *os.File, size int64) error {
	n, err := io.CopyBuffer(t.tar, io.LimitReader(f, size), t.buffer)
	if err != nil || n == size {
		return err
	}
	clear(t.buffer)
	for n < size {
		m, err := t.tar.Write(t.buffer[:min(int64(len(t.buffer)), size-n)])
		if err != nil {
			return err
		}
		n += int64(m)
	}
	return nil
}
