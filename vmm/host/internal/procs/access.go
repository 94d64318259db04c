package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// MakeDir makes the directory and the parents that are missing, for this user
// alone. When shared is set, other users may pass through all of them, and
// look into none. Errors: dir_closed, when one that exists lets nobody pass.
func MakeDir(path string, shared bool) error {
	made := missing(path)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if !shared {
		return nil
	}
	for _, dir := range append(made, path) {
		if err := os.Chmod(dir, 0o711); err != nil {
			return fmt.Errorf("open directory: %w", err)
		}
	}
	if closed := ClosedParent(path); closed != "" {
		return apierr.New(apierr.FailedPrecondition, "dir_closed",
			"directory %s lets no other user pass, and VMs run as users of their own: chmod o+x %s, or choose another directory than %s, or --vm-uids none",
			closed, closed, path)
	}
	return nil
}

// missing returns path and its parents as far as they do not exist.
func missing(path string) []string {
	var out []string
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return out
		}
		out = append(out, path)
		path = filepath.Dir(path)
	}
}

// ClosedParent returns a directory above path that not everyone may pass, ""
// if there is none. One that does not exist is not closed.
func ClosedParent(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err == nil && info.Mode().Perm()&0o001 == 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// ForAnyUser returns a path by which a child of this process can execute the
// program at path, whichever user it becomes. Where a directory is closed to
// others that is a descriptor's, which release closes once the child runs.
func ForAnyUser(path string) (usable string, release func(), err error) {
	path, err = filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", nil, err
	}
	if info.Mode().Perm()&0o005 != 0o005 {
		return "", nil, fmt.Errorf("%s may not be executed by VMs' users: chmod o+rx %s", path, path)
	}
	if ClosedParent(path) == "" {
		return path, func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = f.Close() }()
	// Above the descriptors that the child is given, which would replace it.
	const aboveAll = 100
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, aboveAll)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), func() { _ = unix.Close(fd) }, nil
}

// PeerUID returns the user of the process at the other end of conn: of the
// one that made the socket, if conn was dialled.
func PeerUID(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("peer of %s: %w", conn.RemoteAddr(), err)
	}
	return int(cred.Uid), nil
}
