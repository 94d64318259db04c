// Package livedir keeps small files that are replaced while programs read them.
//
// A file is replaced by rename(2) within its directory's file system, which is
// a tmpfs: who opens it by path finds all of the old content or all of the new,
// and who watches the directory is told. What is bind-mounted into a container is
// the directory, since a mounted file would be the old one for ever. Where a
// program wants the file elsewhere, a symbolic link leads there.
package livedir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// dirMode is the permissions of directories between a tree and a file of it.
const dirMode = 0o755

// File is a small file.
type File struct {
	Mode     fs.FileMode // permission bits
	UID, GID int
	Content  []byte
}

// Write puts f into the directory tree under name, a local path. spare is a path
// in the same file system that nobody else uses, for the file until it is whole.
// One that is the same already is left alone. Errors: path_conflict, disk_full.
func Write(tree, spare, name string, f File) error {
	if err := os.MkdirAll(tree, dirMode); err != nil {
		return explain(name, err)
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if same(root, name, f) {
		return nil
	}
	if err := root.MkdirAll(filepath.Dir(name), dirMode); err != nil {
		return explain(name, err)
	}
	if err := writeSpare(spare, f); err != nil {
		return explain(name, errors.Join(err, os.Remove(spare)))
	}
	if err := os.Rename(spare, filepath.Join(tree, name)); err != nil {
		return explain(name, errors.Join(err, os.Remove(spare)))
	}
	return nil
}

// same reports whether the file is f already.
func same(root *os.Root, name string, f File) bool {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != f.Mode || info.Size() != int64(len(f.Content)) {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != f.UID || int(owner.Gid) != f.GID {
		return false
	}
	content, err := root.ReadFile(name)
	return err == nil && bytes.Equal(content, f.Content)
}

// writeSpare writes f where nobody sees it.
func writeSpare(path string, f File) error {
	if err := os.WriteFile(path, f.Content, 0o600); err != nil {
		return err
	}
	if f.UID != os.Geteuid() || f.GID != os.Getegid() {
		if err := os.Chown(path, f.UID, f.GID); err != nil {
			return err
		}
	}
	// Not through WriteFile, which the umask would take bits from.
	return os.Chmod(path, f.Mode)
}

// Link makes the path at in the file system root a symbolic link to target, in
// place of another file. Links on the way are followed within root, and
// directories that are missing are made. Errors: path_conflict.
func Link(root, at, target string) error {
	dir, err := OpenDir(root, filepath.Dir(at))
	if err != nil {
		return explain(at, err)
	}
	defer func() { _ = dir.Close() }()
	fd, base := int(dir.Fd()), filepath.Base(at)
	var stat unix.Stat_t
	err = unix.Fstatat(fd, base, &stat, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case err == nil && stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		return explain(at, unix.EISDIR)
	case err == nil:
		err = unix.Unlinkat(fd, base, 0)
	case errors.Is(err, unix.ENOENT):
		err = nil
	}
	if err == nil {
		err = unix.Symlinkat(target, fd, base)
	}
	if err != nil {
		return explain(at, err)
	}
	return nil
}

// OpenDir opens a directory of the file system root, and makes what it lacks. Links
// on the way are followed within root.
func OpenDir(root, path string) (*os.File, error) {
	base, err := os.Open(root)
	if err != nil {
		return nil, err
	}
	defer func() { _ = base.Close() }()
	dir, err := openBelow(base, ".")
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for i, part := range parts {
		next, err := openBelow(base, filepath.Join(parts[:i+1]...))
		if errors.Is(err, unix.ENOENT) {
			if err = unix.Mkdirat(int(dir.Fd()), part, dirMode); err == nil {
				next, err = openBelow(base, filepath.Join(parts[:i+1]...))
			}
		}
		_ = dir.Close()
		if err != nil {
			return nil, err
		}
		dir = next
	}
	return dir, nil
}

// openBelow opens a directory as a process would whose root is base.
func openBelow(base *os.File, path string) (*os.File, error) {
	fd, err := unix.Openat2(int(base.Fd()), filepath.Join(".", path), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// explain gives err a code where a user can do something about it.
func explain(name string, err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return apierr.New(apierr.ResourceExhausted, "disk_full", "the virtual machine has no memory left for the file %q; give it more", name)
	case errors.Is(err, unix.EISDIR), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ELOOP):
		return apierr.New(apierr.FailedPrecondition, "path_conflict",
			"the file %q cannot be made: there is a directory of that name, or a file in place of a directory on the way; choose another path: %w", name, err)
	}
	return fmt.Errorf("file %q: %w", name, err)
}
