package rootdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Graft implements System. The mount is cloned where it can be seen, and moved from
// the other namespace.
func (Kernel) Graft(ns, source, target *os.File, readOnly bool) error {
	tree, err := unix.OpenTree(int(source.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer func() { _ = unix.Close(tree) }()
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV, Propagation: unix.MS_PRIVATE}
	if readOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		return os.NewSyscallError("mount_setattr", err)
	}
	return within(ns, func() error {
		return os.NewSyscallError("move_mount",
			unix.MoveMount(tree, "", int(target.Fd()), "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH))
	})
}

// Prune implements System. No descriptor may be on what is unmounted, so that it is
// named from the directory that it is in.
func (Kernel) Prune(ns, root *os.File, points []string) error {
	return within(ns, func() error {
		for _, point := range slices.Backward(points) {
			if err := enter(root, filepath.Dir(point)); err != nil {
				return err
			}
			if err := unix.Unmount(filepath.Base(point), unix.UMOUNT_NOFOLLOW); err != nil {
				return &os.PathError{Op: "umount", Path: point, Err: err}
			}
		}
		return nil
	})
}

// enter makes the directory at path below root the working directory of the
// thread.
func enter(root *os.File, path string) error {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(int(root.Fd()), filepath.Join(".", path), &how)
	if err != nil {
		return &os.PathError{Op: "openat2", Path: path, Err: err}
	}
	return errors.Join(os.NewSyscallError("fchdir", unix.Fchdir(fd)), unix.Close(fd))
}

// within calls do on a thread in the mount namespace ns, which keeps nothing of it
// but its root.
func within(ns *os.File, do func() error) error {
	return onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil { // the working directory is this thread's alone
			return os.NewSyscallError("unshare", err)
		}
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return errors.Join(do(), os.NewSyscallError("chdir", unix.Chdir("/")))
	})
}

// onOwnThread calls do on a thread that ends with it.
func onOwnThread(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The first thread does not end. While it is held here, another does it.
			defer runtime.UnlockOSThread()
			done <- onOwnThread(do)
			return
		}
		done <- do() // never unlocked: the thread ends with this goroutine
	}()
	return <-done
}

// Unused implements System. A file system that is mounted has its device
// exclusively.
func (Kernel) Unused(node string) error {
	f, err := os.OpenFile(node, os.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	return f.Close()
}
