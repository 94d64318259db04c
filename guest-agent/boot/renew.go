package boot

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Renew makes the random numbers of a machine that was restored from a
// snapshot its own, and sets its clock. To add entropy alone would not do: a
// generator that is seeded takes up what it was given only now and then.
func Renew(entropy []byte, now time.Time) error {
	random, err := os.OpenFile("/dev/random", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	defer func() { _ = random.Close() }()
	pool := poolInfo(entropy)
	if err := ioctl(random, unix.RNDADDENTROPY, unsafe.Pointer(&pool[0])); err != nil {
		return fmt.Errorf("renew: add entropy: %w", err)
	}
	if err := ioctl(random, unix.RNDRESEEDCRNG, nil); err != nil {
		return fmt.Errorf("renew: reseed: %w", err)
	}
	clock := unix.NsecToTimespec(now.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &clock); err != nil {
		return fmt.Errorf("renew: set the clock: %w", err)
	}
	return nil
}

// poolInfo is struct rand_pool_info: how many bits and bytes, and the bytes.
func poolInfo(entropy []byte) []byte {
	info := binary.NativeEndian.AppendUint32(nil, uint32(8*len(entropy)))
	info = binary.NativeEndian.AppendUint32(info, uint32(len(entropy)))
	return append(info, entropy...)
}

func ioctl(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}
