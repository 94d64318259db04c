// Package tartree turns trees of files into tar streams and back, in the same
// way in a guest and on a user's machine: the bodies of the archive operations,
// which OpenAPI cannot say more about than that they are tars.
//
// # Trust
//
// Either side may be hostile: a tar that was made to write elsewhere, or a
// program that exchanges directories for symbolic links while its files are
// copied. So no path is ever resolved as text. A tree is read through
// descriptors of directories and follows no symbolic link, and what a tar says
// is written through descriptors that the kernel has resolved beneath the
// target (openat2(2), RESOLVE_BENEATH).
//
// # What is kept
//
// Modes, symbolic and hard links, times in seconds, extended attributes (those
// of users, capabilities and access lists), and where asked for, owners.
// Sockets are left out, as a tar has none; devices can be read and not
// written. Memory depends neither on sizes nor on the number of files.
package tartree

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// maxDepth bounds how deep directories may be nested.
const maxDepth = 512

// bufferSize is the size of the buffer that contents are copied through, in
// bytes.
const bufferSize = 64 << 10

// OpenIn opens path as if root were the root directory, whatever links and
// ".." it has. The file serves for further paths and for being looked at.
func OpenIn(root *os.File, path string) (*os.File, error) {
	return open(root, path, unix.O_PATH, unix.RESOLVE_IN_ROOT)
}

// maxRaces bounds how often a path is resolved again because something was
// renamed meanwhile.
const maxRaces = 100

// open is openat2(2) on a path that no magic link is followed in.
func open(dir *os.File, path string, flags int, resolve uint64) (*os.File, error) {
	how := &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve | unix.RESOLVE_NO_MAGICLINKS}
	for try := 0; ; try++ {
		fd, err := unix.Openat2(int(dir.Fd()), path, how)
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), path), nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN) && try < maxRaces:
			continue
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
}

// failed is the error for a file that something could not be done to.
func failed(name string, err error) error {
	var known *apierr.Error
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case is(err, unix.ENOSPC, unix.EDQUOT):
		return apierr.New(apierr.ResourceExhausted, "disk_full", "there is no space left for %q: %w", name, err)
	case is(err, unix.EROFS):
		return apierr.New(apierr.FailedPrecondition, "read_only", "%q is on a file system that cannot be written to: %w", name, err)
	case is(err, unix.EXDEV, unix.ELOOP):
		return escapes(name)
	case is(err, unix.EISDIR, unix.ENOTDIR, unix.ENOTEMPTY, unix.EEXIST):
		return apierr.New(apierr.FailedPrecondition, "path_conflict", "%q would take the place of something of another kind, which has to be removed first: %w", name, err)
	case is(err, unix.EBUSY):
		return apierr.New(apierr.FailedPrecondition, "path_conflict", "%q is a mount point and cannot be replaced", name)
	case is(err, unix.ENOENT):
		return apierr.New(apierr.NotFound, "path_not_found", "there is no %q", name)
	}
	return apierr.New(apierr.FailedPrecondition, "copy_failed", "%q cannot be copied: %w", name, err)
}

func is(err error, any ...unix.Errno) bool {
	for _, errno := range any {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func escapes(name string) error {
	return apierr.New(apierr.InvalidArgument, "path_escapes", "%q leads out of the directory that is copied to; copy to where it leads instead", name)
}
