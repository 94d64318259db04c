package rootdir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// System is what this package asks of the kernel.
type System interface {
	// Mount is mount(2).
	Mount(source, target, fstype string, flags uintptr, data string) error
	// Unmount is umount2(2). A target that is no mount point is no error.
	Unmount(target string, flags int) error
	// Graft mounts the directory source, of a mount in this namespace, on the
	// directory target, of the mount namespace ns.
	Graft(ns, source, target *os.File, readOnly bool) error
	// Prune unmounts what is mounted at points, paths without symbolic links below
	// root, in the mount namespace ns: the last one first, and up to the first
	// that is in use, which is EBUSY.
	Prune(ns, root *os.File, points []string) error
	// Unused fails with EBUSY while a block device is mounted in any namespace.
	Unused(node string) error
	// Share makes a block device's node one for the group disk too, and returns the
	// device's number.
	Share(node string) (number uint64, err error)
	// ResizeExt4 grows the mounted ext4 file system at path to blocks, of its
	// own block size, while it is in use.
	ResizeExt4(path string, blocks uint64) error
}

// Kernel is the System of the running kernel.
type Kernel struct{}

// Mount implements System.
func (Kernel) Mount(source, target, fstype string, flags uintptr, data string) error {
	return unix.Mount(source, target, fstype, flags, data)
}

// Unmount implements System.
func (Kernel) Unmount(target string, flags int) error {
	err := unix.Unmount(target, flags)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// diskGroup is the group disk, as Debian and its like have it.
const diskGroup = 6

// Share implements System.
func (Kernel) Share(node string) (number uint64, err error) {
	if err := errors.Join(os.Chown(node, 0, diskGroup), os.Chmod(node, 0o660)); err != nil {
		return 0, err
	}
	var stat unix.Stat_t
	if err := unix.Stat(node, &stat); err != nil {
		return 0, &os.PathError{Op: "stat", Path: node, Err: err}
	}
	return stat.Rdev, nil
}

// ext4IocResizeFS is EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64), of the
// kernel's include/uapi/linux/ext4.h.
const ext4IocResizeFS = 0x40086610

// ResizeExt4 implements System.
func (Kernel) ResizeExt4(path string, blocks uint64) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return ioctlUint64(int(dir.Fd()), ext4IocResizeFS, blocks)
}

// mountError names what could not be mounted where.
func mountError(what, target string, err error) error {
	return fmt.Errorf("mount %s on %s: %w", what, target, err)
}
