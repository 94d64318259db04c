package rootdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/continuity/fs"
	"golang.org/x/sys/unix"
)

// copyUp makes the directory target a copy of the directory at path in the
// image, or an empty one where the image has none.
func copyUp(target, image, path string) error {
	source, err := openIn(image, path, unix.RESOLVE_IN_ROOT)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return os.Mkdir(target, 0o755)
	}
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	return fs.CopyDir(target, fmt.Sprintf("/proc/self/fd/%d", source.Fd()))
}

// openIn opens the directory at path below root, and takes symbolic links on
// the way as resolve says (openat2(2)).
func openIn(root, path string, resolve uint64) (*os.File, error) {
	base, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = base.Close() }()
	return openAt(base, path, resolve)
}

// openAt is openIn below a directory that is open.
func openAt(base *os.File, path string, resolve uint64) (*os.File, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(int(base.Fd()), filepath.Join(".", path), &how)
	if err != nil {
		return nil, &os.PathError{Op: "openat2", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// syncRename gives the directory from, once all of its file system is on the
// disk, the name to.
func syncRename(from, to string) error {
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return dir.Sync()
}
