package vhostvsock

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// token names the source of an epoll event. Connections get ever new ones, so
// that an event of a closed descriptor can never be taken for another's.
type token uint64

const (
	tokenWake token = iota
	tokenVhostListener
	tokenHybridListener
	tokenFrontend
	tokenKick      // + vring index
	tokenFirstConn = tokenKick + numVrings
)

// poller is an epoll instance. Listeners and the front-end are
// level-triggered; eventfds and connections are edge-triggered, which spares
// a system call per event.
type poller struct {
	fd     int
	events [128]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }

func (p *poller) add(fd int, events uint32, t token) error {
	return p.ctl(unix.EPOLL_CTL_ADD, fd, events, t)
}

func (p *poller) modify(fd int, events uint32, t token) error {
	return p.ctl(unix.EPOLL_CTL_MOD, fd, events, t)
}

func (p *poller) ctl(op, fd int, events uint32, t token) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(t)), Pad: int32(uint32(t >> 32))}
	if err := unix.EpollCtl(p.fd, op, fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// remove takes fd out of the set before another process's copy of it could
// keep it there.
func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// wait returns the events that are there, waiting up to timeout milliseconds
// for the first; -1 waits for ever. The result is valid until the next call.
func (p *poller) wait(timeout int) ([]unix.EpollEvent, error) {
	n, err := unix.EpollWait(p.fd, p.events[:], timeout)
	if err == unix.EINTR {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("epoll_wait: %w", err)
	}
	return p.events[:n], nil
}

func eventToken(ev *unix.EpollEvent) token {
	return token(uint32(ev.Fd)) | token(uint32(ev.Pad))<<32
}
