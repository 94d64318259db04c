package rootdir

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlUint64 is ioctl(2) with a pointer to an unsigned 64-bit argument.
func ioctlUint64(fd int, req uintptr, arg uint64) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return errno
	}
	return nil
}
