package stdio

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// bulk is how many bytes at once show that a program writes much.
	bulk = 4 << 10
	// gathering is how long Pump then leaves it alone, so that the next read
	// finds more: to wake this process for each write of a program costs the
	// guest more than the bytes do.
	gathering = time.Millisecond
	// pipeSize is how much a program can write meanwhile, in bytes.
	pipeSize = 256 << 10
)

// widen makes the pipe f hold pipeSize bytes. A pipe that stays as it was is
// only slower.
func widen(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	}
}

// Pump reads f, the read end of a pipe or a terminal's master, until the
// program has closed it or the Output is closed, and then ends the stream.
// f must be non-blocking, as os.Pipe makes it.
func (o *Output) Pump(f *os.File) error {
	defer o.end()
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("read %s: %w", f.Name(), err)
	}
	for o.waitRoom() {
		var n, room int
		var readErr error
		err := raw.Read(func(fd uintptr) bool {
			place := o.reserve()
			room = len(place)
			n, readErr = unix.Read(int(fd), place)
			o.commit(max(n, 0))
			return !errors.Is(readErr, unix.EAGAIN)
		})
		switch {
		case err != nil && o.isClosed():
			return nil // f was closed with the Output
		case err != nil:
			return fmt.Errorf("read %s: %w", f.Name(), err)
		case errors.Is(readErr, unix.EINTR):
		case errors.Is(readErr, unix.EIO):
			return nil // a terminal whose last user has gone
		case readErr != nil:
			return fmt.Errorf("read %s: %w", f.Name(), readErr)
		case n == 0:
			return nil
		case n >= bulk && n < room:
			time.Sleep(gathering)
		}
	}
	return nil
}

// waitRoom waits until the program's next bytes may be read. It returns false
// when the Output is closed.
func (o *Output) waitRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.full == Block && o.Written-o.Oldest >= o.limit && !o.closed {
		o.changed.Wait()
	}
	return !o.closed
}

// reserve returns the place for the next bytes, until commit. It is called
// when there may be bytes, so that a stream that waits for some holds no
// memory.
func (o *Output) reserve() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.chunks) == 0 || len(o.chunks[len(o.chunks)-1].room()) < bulk {
		o.chunks = append(o.chunks, o.pool.get(o.Written))
	}
	o.filling = o.chunks[len(o.chunks)-1]
	room := o.filling.room()
	if o.full == Block {
		room = room[:min(int64(len(room)), max(o.limit-(o.Written-o.Oldest), 1))]
	}
	return room
}

// commit appends the first n bytes of what reserve returned to the stream.
func (o *Output) commit(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.filling
	o.filling = nil
	c.buf = c.buf[:len(c.buf)+n]
	if o.Written == 0 && n > 0 {
		defer o.news()
	}
	o.Written += int64(n)
	oldest := o.Oldest
	if o.closed {
		oldest = o.Written
	}
	if excess := o.Written - oldest - o.limit; o.full == Drop && excess > 0 {
		oldest += excess
		o.Dropped += excess
	}
	o.forgetLocked(oldest)
}

func (o *Output) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// end marks the end of the stream.
func (o *Output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Ended = true
	o.changed.Broadcast()
	o.news()
}
