// Package tail follows files that other processes append to.
package tail

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Watcher tells when files have been written to. It takes one inotify
// instance, of which a user has few, however many files are followed.
type Watcher struct {
	file *os.File
	done chan struct{}

	mu   sync.Mutex
	subs map[int32]map[*Subscription]struct{}
}

// NewWatcher starts a watcher. The caller closes it.
func NewWatcher() (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("start inotify: %w", err)
	}
	w := &Watcher{
		file: os.NewFile(uintptr(fd), "inotify"),
		done: make(chan struct{}),
		subs: map[int32]map[*Subscription]struct{}{},
	}
	go w.run()
	return w, nil
}

// Close ends the watcher and waits for its goroutine. Subscriptions get no
// more signals.
func (w *Watcher) Close() error {
	err := w.file.Close()
	<-w.done
	return err
}

// Subscription is one follower's interest in one file.
type Subscription struct {
	// C has a value when the file was written to since the last receive.
	C <-chan struct{}

	c  chan struct{}
	w  *Watcher
	wd int32
}

// Watch subscribes to writes to the file at path, which must exist.
func (w *Watcher) Watch(path string) (*Subscription, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd, err := w.control(func(fd int) (int, error) {
		return unix.InotifyAddWatch(fd, path, unix.IN_MODIFY|unix.IN_MASK_ADD)
	})
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	c := make(chan struct{}, 1)
	sub := &Subscription{C: c, c: c, w: w, wd: int32(wd)}
	if w.subs[sub.wd] == nil {
		w.subs[sub.wd] = map[*Subscription]struct{}{}
	}
	w.subs[sub.wd][sub] = struct{}{}
	return sub, nil
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	delete(s.w.subs[s.wd], s)
	if len(s.w.subs[s.wd]) > 0 {
		return
	}
	delete(s.w.subs, s.wd)
	// Fails when the file was removed and the kernel's watch with it.
	_, _ = s.w.control(func(fd int) (int, error) { return unix.InotifyRmWatch(fd, uint32(s.wd)) })
}

func (w *Watcher) control(f func(fd int) (int, error)) (int, error) {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var failed error
	err = conn.Control(func(fd uintptr) { n, failed = f(int(fd)) })
	return n, errors.Join(err, failed)
}

// run hands out the kernel's events until the descriptor is closed.
func (w *Watcher) run() {
	defer close(w.done)
	buf := make([]byte, 4096)
	for {
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			wd := int32(binary.NativeEndian.Uint32(rest))
			nameLen := int(binary.NativeEndian.Uint32(rest[12:]))
			rest = rest[min(len(rest), unix.SizeofInotifyEvent+nameLen):]
			w.signal(wd)
		}
	}
}

func (w *Watcher) signal(wd int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if wd < 0 { // the queue has overflown: anything may have been written to
		for _, subs := range w.subs {
			signalAll(subs)
		}
		return
	}
	signalAll(w.subs[wd])
}

func signalAll(subs map[*Subscription]struct{}) {
	for sub := range subs {
		select {
		case sub.c <- struct{}{}:
		default:
		}
	}
}
