package vhostvsock

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// loop is the device's event loop. The goroutine that runs it owns the
// front-end, the guest memory, the rings and all connections; nothing of them
// needs a lock. It never blocks but in epoll_wait.
type loop struct {
	log    logrus.FieldLogger
	cid    uint64
	poll   *poller
	vhost  *listener
	hybrid *listener
	mux    *muxer
	front  *frontend // nil when no front-end is connected

	hybridOn    bool      // epoll reports connections waiting on hybrid
	acceptAfter time.Time // no accept before: descriptors had run out

	stopping atomic.Bool
	wakeMu   sync.Mutex
	wake     int // eventfd; -1 once closed; guarded by wakeMu
}

// acceptPause is how long the loop leaves a client waiting when the process
// has no descriptor for it.
const acceptPause = 100 * time.Millisecond

func newLoop(cfg Config, vhost, hybrid *listener) (_ *loop, err error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		poll.close()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &loop{
		log: cfg.Log, cid: cfg.GuestCID, poll: poll, vhost: vhost, hybrid: hybrid, wake: wake,
		mux: newMuxer(cfg.GuestCID, hybrid.path, poll, cfg.Log),
	}
	err = errors.Join(
		poll.add(wake, unix.EPOLLIN|unix.EPOLLET, tokenWake),
		poll.add(vhost.fd, unix.EPOLLIN, tokenVhostListener),
		poll.add(hybrid.fd, 0, tokenHybridListener),
	)
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// stop makes run return soon. Any goroutine may call it.
func (l *loop) stop() {
	l.stopping.Store(true)
	l.wakeMu.Lock()
	defer l.wakeMu.Unlock()
	notify(l.wake)
}

// close frees what newLoop made. run must have returned.
func (l *loop) close() {
	l.poll.close()
	l.wakeMu.Lock()
	defer l.wakeMu.Unlock()
	closeFD(&l.wake)
}

// run serves until stop. An error is one of epoll, and final.
func (l *loop) run() error {
	// Memory of a front-end that cuts its file short faults; guarded turns
	// that into an error.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer l.endSession(nil)
	more := false
	for !l.stopping.Load() {
		events, err := l.poll.wait(l.timeout(more))
		if err != nil {
			return err
		}
		for i := range events {
			if err := l.dispatch(eventToken(&events[i]), events[i].Events); err != nil {
				return err
			}
		}
		now := time.Now()
		l.mux.expire(now)
		if more, err = l.pump(now); err != nil {
			return err
		}
	}
	return nil
}

// timeout is how long to wait for events, in milliseconds.
func (l *loop) timeout(more bool) int {
	if more {
		return 0
	}
	next := l.mux.nextDue()
	if !l.acceptAfter.IsZero() && (next.IsZero() || l.acceptAfter.Before(next)) {
		next = l.acceptAfter
	}
	if next.IsZero() {
		return -1
	}
	return max(0, int(time.Until(next)/time.Millisecond)+1)
}

func (l *loop) dispatch(t token, events uint32) error {
	switch {
	case t == tokenWake:
	case t == tokenVhostListener:
		return l.acceptFrontend()
	case t == tokenHybridListener:
		l.acceptHybrid()
	case t == tokenFrontend:
		l.receive()
	case t < tokenFirstConn:
		l.kicked(int(t - tokenKick))
	default:
		l.mux.onEvent(t, events)
	}
	return nil
}

// pump moves packets, then lets hybrid clients in or keeps them waiting: they
// wait in the backlog while the guest has no driver.
func (l *loop) pump(now time.Time) (more bool, err error) {
	l.guarded(func() error {
		var err error
		more, err = l.mux.pump(now)
		return err
	})
	if !l.acceptAfter.IsZero() && now.After(l.acceptAfter) {
		l.acceptAfter = time.Time{}
	}
	on := l.mux.attached() && l.acceptAfter.IsZero()
	if on == l.hybridOn {
		return more, nil
	}
	events := uint32(0)
	if on {
		events = unix.EPOLLIN
	}
	l.hybridOn = on
	return more, l.poll.modify(l.hybrid.fd, events, tokenHybridListener)
}

// guarded runs fn, which may touch guest memory. When fn fails or the memory
// faults, the rings stop; the guest can start them again.
func (l *loop) guarded(fn func() error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fault, ok := r.(interface{ Addr() uintptr })
		if !ok {
			panic(r)
		}
		l.front.fail(fmt.Errorf("guest memory fault at %#x", fault.Addr()))
	}()
	if err := fn(); err != nil {
		l.front.fail(err)
	}
}

func (l *loop) kicked(index int) {
	l.mux.kicked(index)
	if index == vringEvent && l.front != nil {
		l.guarded(func() error { l.front.settle(); return nil })
	}
}

func (l *loop) acceptHybrid() {
	if !l.mux.attached() {
		return
	}
	fd, err := l.hybrid.accept()
	if isAgain(err) {
		return
	}
	if err != nil {
		l.log.WithError(err).Error("cannot accept a vsock connection")
		l.acceptAfter = time.Now().Add(acceptPause)
		return
	}
	l.mux.welcome(fd)
}

// acceptFrontend takes the next front-end; there is one at a time.
func (l *loop) acceptFrontend() error {
	if l.front != nil {
		return nil
	}
	fd, err := l.vhost.accept()
	if isAgain(err) {
		return nil
	}
	if err != nil {
		// Out of descriptors or memory. Nobody else is served meanwhile.
		l.log.WithError(err).Error("cannot accept a vhost-user front-end")
		time.Sleep(acceptPause)
		return nil
	}
	l.front = newFrontend(fd, l.cid, l.poll, l.mux, l.log)
	l.log.Info("vhost-user front-end connected")
	return errors.Join(
		l.poll.add(fd, unix.EPOLLIN, tokenFrontend),
		l.poll.modify(l.vhost.fd, 0, tokenVhostListener),
	)
}

func (l *loop) receive() {
	if l.front == nil {
		return
	}
	var err error
	l.guarded(func() error {
		err = l.front.receive()
		return nil
	})
	if err != nil {
		l.endSession(err)
	}
}

// endSession closes the front-end, whose stream ended with err.
func (l *loop) endSession(err error) {
	if l.front == nil {
		return
	}
	l.front.close()
	l.front = nil
	log := l.log
	if err != nil && !errors.Is(err, io.EOF) {
		log = log.WithError(err)
	}
	log.Info("vhost-user front-end disconnected")
	if err := l.poll.modify(l.vhost.fd, unix.EPOLLIN, tokenVhostListener); err != nil {
		l.log.WithError(err).Error("cannot accept another front-end")
	}
}
