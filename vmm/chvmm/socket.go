package chvmm

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxConnections is the limit of Cloud Hypervisor's HTTP server, idle
// connections included.
const maxConnections = 10

// ListenAPI opens the argument of `--api-socket`: a path, "path=<p>" or
// "fd=<n>" with n a listening socket. For a path it takes the lock
// `<path>.lock`, which stays behind, and replaces a stale socket; a socket in
// use is an error. Closing the listener removes the socket.
func ListenAPI(arg string) (net.Listener, error) {
	if !strings.Contains(arg, "=") {
		return listenPath(arg)
	}
	opts, err := ParseOptions(arg, "path", "fd")
	if err != nil {
		return nil, fmt.Errorf("api socket: %w", err)
	}
	if n, ok := opts["fd"]; ok {
		return listenFD(n)
	}
	return listenPath(opts["path"])
}

func listenFD(text string) (net.Listener, error) {
	fd, err := parseFD(text)
	if err != nil {
		return nil, fmt.Errorf("api socket: %w", err)
	}
	file := os.NewFile(uintptr(fd), "api-socket")
	defer func() { _ = file.Close() }()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("api socket: fd=%d is no listening socket: %w", fd, err)
	}
	return newLimited(l, nil), nil
}

func listenPath(path string) (net.Listener, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("api socket %s is in use: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = lock.Close()
		return nil, fmt.Errorf("api socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("api socket: %w", err)
	}
	return newLimited(l, lock), nil
}

// lockFile takes an exclusive open-file-description lock, which the kernel
// drops when the process ends however it ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// limited answers connections beyond the limit with 503 and closes them.
type limited struct {
	net.Listener
	lock *os.File
	open atomic.Int32
}

func newLimited(l net.Listener, lock *os.File) *limited { return &limited{Listener: l, lock: lock} }

// tooMany is sent by hand, because the connection never reaches the server.
const tooMany = "HTTP/1.1 503 \r\nServer: Cloud Hypervisor API\r\nConnection: close\r\n" +
	"Content-Length: 40\r\n\r\n{ \"error\": \"Too many open connections\" }"

// Accept waits for a connection within the limit.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= maxConnections {
			return &limitedConn{Conn: conn, open: &l.open}, nil
		}
		l.open.Add(-1)
		_, _ = conn.Write([]byte(tooMany))
		_ = conn.Close()
	}
}

// Close removes the socket and releases its lock.
func (l *limited) Close() error {
	err := l.Listener.Close()
	if l.lock != nil {
		_ = l.lock.Close()
	}
	return err
}

// limitedConn gives its place back once.
type limitedConn struct {
	net.Conn
	open   *atomic.Int32
	closed atomic.Bool
}

func (c *limitedConn) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
