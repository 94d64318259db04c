package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Handle holds a process that need not be a child of this one.
type Handle struct {
	id   Ident
	file *os.File
}

// Open returns a handle for the process id names. The error is ErrGone when
// that process has ended. The caller closes the handle.
func Open(id Ident) (*Handle, error) {
	fd, err := unix.PidfdOpen(id.PID, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) {
		return nil, fmt.Errorf("pid %d: %w", id.PID, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("pidfd of pid %d: %w", id.PID, err)
	}
	h := &Handle{id: id, file: os.NewFile(uintptr(fd), "pidfd")}
	// The name is compared after the pidfd was opened: from here on the
	// pidfd can mean no other process.
	if now, err := Of(id.PID); err != nil || now != id {
		_ = h.Close()
		return nil, fmt.Errorf("pid %d started at %d: %w", id.PID, id.Start, ErrGone)
	}
	return h, nil
}

// OpenChild returns a handle for a child of this process that has not been
// waited for; it may have ended already.
func OpenChild(pid int) (*Handle, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, fmt.Errorf("child %d: %w", pid, err)
	}
	_, start, err := parseStat(data)
	if err != nil {
		return nil, fmt.Errorf("child %d: %w", pid, err)
	}
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("pidfd of child %d: %w", pid, err)
	}
	return &Handle{id: Ident{PID: pid, Start: start}, file: os.NewFile(uintptr(fd), "pidfd")}, nil
}

// Ident returns the process's name.
func (h *Handle) Ident() Ident { return h.id }

// Signal sends sig. The error is ErrGone when the process has ended.
func (h *Handle) Signal(sig unix.Signal) error {
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := conn.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return err
	}
	if errors.Is(sent, unix.ESRCH) {
		return ErrGone
	}
	return sent
}

// Wait blocks until the process has ended, ctx is done, or the handle is
// closed (os.ErrClosed). It holds no thread. After ctx has ended one Wait, the
// handle cannot be waited for again.
func (h *Handle) Wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = h.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	var polled error
	err = conn.Read(func(fd uintptr) bool {
		var ended bool
		ended, polled = readable(int(fd))
		return ended || polled != nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(err, polled)
}

// Close releases the handle. It does not touch the process.
func (h *Handle) Close() error { return h.file.Close() }

// readable reports whether fd, a pidfd, shows the end of its process.
func readable(fd int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}
