package relay

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// chunk is how much one splice may move: the default size of a pipe.
const chunk = 64 << 10

const spliceFlags = unix.SPLICE_F_NONBLOCK | unix.SPLICE_F_MOVE

// spliceAll moves bytes from src to dst until src ends.
func (r *Relay) spliceAll(dst, src syscall.Conn) error {
	from, err := src.SyscallConn()
	if err != nil {
		return err
	}
	to, err := dst.SyscallConn()
	if err != nil {
		return err
	}
	for {
		p, n, err := r.fill(from)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.drain(to, n); err != nil {
			p.close()
			return err
		}
		r.give(p)
	}
}

// fill waits until src can be read and moves what there is into a pipe, which
// is held only when there is something. The error is io.EOF at src's end.
func (r *Relay) fill(src syscall.RawConn) (*pipe, int, error) {
	var p *pipe
	var n int
	var failed error
	err := src.Read(func(fd uintptr) bool {
		if p, failed = r.take(); failed != nil {
			return true
		}
		n, failed = retry(func() (int64, error) {
			return unix.Splice(int(fd), nil, p.w, nil, chunk, spliceFlags)
		})
		if n > 0 {
			return true
		}
		r.give(p)
		return !errors.Is(failed, unix.EAGAIN)
	})
	switch {
	case err != nil:
		return nil, 0, err
	case failed != nil:
		return nil, 0, os.NewSyscallError("splice", failed)
	case n == 0:
		return nil, 0, io.EOF
	}
	return p, n, nil
}

// drain moves the n bytes that the pipe holds to dst.
func (p *pipe) drain(dst syscall.RawConn, n int) error {
	var failed error
	err := dst.Write(func(fd uintptr) bool {
		for n > 0 {
			var moved int
			moved, failed = retry(func() (int64, error) {
				return unix.Splice(p.r, nil, int(fd), nil, n, spliceFlags)
			})
			if errors.Is(failed, unix.EAGAIN) {
				failed = nil
				return false
			}
			if failed != nil {
				return true
			}
			n -= moved
		}
		return true
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("splice", failed)
}

func retry(f func() (int64, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return int(n), err
		}
	}
}

// pipe carries bytes from one socket to the other. It is empty whenever it is
// in the pool.
type pipe struct{ r, w int }

func (p *pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// idlePipes bounds the pool; more relays busy at once make their own.
const idlePipes = 8

// take returns an empty pipe.
func (r *Relay) take() (*pipe, error) {
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		p := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return p, nil
	}
	r.mu.Unlock()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	return &pipe{r: fds[0], w: fds[1]}, nil
}

// give returns an empty pipe to the pool.
func (r *Relay) give(p *pipe) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.idle) >= idlePipes {
		p.close()
		return
	}
	r.idle = append(r.idle, p)
}

// Close frees the pool. Relays that still run may go on.
func (r *Relay) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, p := range r.idle {
		p.close()
	}
	r.idle = nil
}
