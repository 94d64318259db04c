package vhostvsock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// listener is a bound and listening non-blocking UNIX stream socket.
type listener struct {
	fd   int
	path string
	dev  uint64 // with ino, the socket file that bind made
	ino  uint64
}

// maxPath is what sun_path takes besides its terminating NUL.
const maxPath = 107

// listen binds path with permissions for its owner alone. A socket file that
// nobody listens on, left by a dead process, is replaced; anything else there
// is an error.
func listen(path string, backlog int) (_ *listener, err error) {
	if path == "" || len(path) > maxPath {
		return nil, apierr.New(apierr.InvalidArgument, "vsock_socket_path_invalid",
			"socket path %q has %d bytes; give one of 1 to %d", path, len(path), maxPath)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	l := &listener{fd: fd, path: path}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := l.bind(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.unlink()
		}
	}()
	if err := l.remember(); err != nil {
		return nil, err
	}
	// Nobody can connect before listen, so there is no moment of wide access.
	if err := unix.Chmod(path, 0o600); err != nil {
		return nil, fmt.Errorf("chmod %s: %w", path, err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}

func (l *listener) bind() error {
	addr := &unix.SockaddrUnix{Name: l.path}
	err := unix.Bind(l.fd, addr)
	if errors.Is(err, unix.EADDRINUSE) {
		if err := removeStale(l.path); err != nil {
			return err
		}
		err = unix.Bind(l.fd, addr)
	}
	if err != nil {
		return fmt.Errorf("bind %s: %w", l.path, err)
	}
	return nil
}

func (l *listener) remember() error {
	var st unix.Stat_t
	if err := unix.Lstat(l.path, &st); err != nil {
		return fmt.Errorf("stat %s: %w", l.path, err)
	}
	l.dev, l.ino = st.Dev, st.Ino
	return nil
}

// removeStale removes the socket file at path if no process listens on it.
func removeStale(path string) error {
	inUse := func(why string) error {
		return apierr.New(apierr.FailedPrecondition, "vsock_socket_in_use",
			"socket path %s is taken: %s; choose another path or remove it", path, why)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return inUse("it is no socket")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	_ = unix.Close(fd)
	// Only a socket that no process holds refuses; a full backlog is EAGAIN.
	if !errors.Is(err, unix.ECONNREFUSED) {
		return inUse("a process listens on it")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the stale socket: %w", err)
	}
	return nil
}

// accept returns a waiting connection as a non-blocking socket, or an error,
// which is EAGAIN when there is none.
func (l *listener) accept() (int, error) {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		return fd, err
	}
}

// close stops listening and removes the socket file if it is still ours.
func (l *listener) close() {
	_ = unix.Close(l.fd)
	l.unlink()
}

func (l *listener) unlink() {
	var st unix.Stat_t
	if unix.Lstat(l.path, &st) == nil && st.Dev == l.dev && st.Ino == l.ino {
		_ = unix.Unlink(l.path)
	}
}
