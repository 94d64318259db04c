package vhostvsock

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// appendRange appends to dst the parts of src that hold its n bytes from
// offset skip on, or fewer where src ends.
func appendRange(dst, src [][]byte, skip, n uint64) [][]byte {
	for _, s := range src {
		size := uint64(len(s))
		if skip >= size {
			skip -= size
			continue
		}
		if n == 0 {
			break
		}
		take := min(size-skip, n)
		dst = append(dst, s[skip:skip+take])
		n -= take
		skip = 0
	}
	return dst
}

// appendBytes appends to dst the bytes of src from offset skip on.
func appendBytes(dst []byte, src [][]byte, skip int) []byte {
	for _, s := range src {
		if skip >= len(s) {
			skip -= len(s)
			continue
		}
		dst = append(dst, s[skip:]...)
		skip = 0
	}
	return dst
}

// gather copies from the start of src into b and returns how much it copied.
func gather(b []byte, src [][]byte) int {
	n := 0
	for _, s := range src {
		if n == len(b) {
			break
		}
		n += copy(b[n:], s)
	}
	return n
}

// scatter copies b to the start of dst and returns how much it copied.
func scatter(dst [][]byte, b []byte) int {
	n := 0
	for _, s := range dst {
		if n == len(b) {
			break
		}
		n += copy(s, b[n:])
	}
	return n
}

// maxIovecs is the most buffers that one readv or writev takes (UIO_MAXIOV).
const maxIovecs = 1024

// vectorIO does readv and writev straight on guest memory. The kernel reports
// memory that has vanished as EFAULT instead of a signal.
type vectorIO struct {
	iov []unix.Iovec
}

// readv reads from fd into bufs. want is how much it asked for: less than
// bufs hold when they are more than maxIovecs.
func (v *vectorIO) readv(fd int, bufs [][]byte) (n, want int, err error) {
	return v.do(unix.SYS_READV, fd, bufs)
}

// writev writes bufs to fd and returns how much the kernel took.
func (v *vectorIO) writev(fd int, bufs [][]byte) (n int, err error) {
	n, _, err = v.do(unix.SYS_WRITEV, fd, bufs)
	return n, err
}

func (v *vectorIO) do(call uintptr, fd int, bufs [][]byte) (n, want int, err error) {
	v.iov = v.iov[:0]
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		if len(v.iov) == maxIovecs {
			break
		}
		v.iov = append(v.iov, unix.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))})
		want += len(b)
	}
	if want == 0 {
		return 0, 0, nil
	}
	n, err = retry(func() (int, error) {
		r, _, errno := unix.Syscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(v.iov))), uintptr(len(v.iov)))
		if errno != 0 {
			return 0, errno
		}
		return int(r), nil
	})
	clear(v.iov) // no pointer into guest memory may outlive the mapping
	return n, want, err
}

// retry repeats a system call that a signal has interrupted. With
// edge-triggered events an interruption taken for "later" would be for ever.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}

func readFD(fd int, b []byte) (int, error) {
	return retry(func() (int, error) { return unix.Read(fd, b) })
}

func writeFD(fd int, b []byte) (int, error) {
	return retry(func() (int, error) { return unix.Write(fd, b) })
}

// isAgain reports whether a non-blocking call has to be made again later.
func isAgain(err error) bool { return errors.Is(err, unix.EAGAIN) }
