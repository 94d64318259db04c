package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/rootfs/initramfs"
)

const (
	newRoot = "/root"

	// rootWait is how long the root disk may take to show up. Its driver probes
	// while it is loaded, so this is for virtual machines that are very slow.
	rootWait = 10 * time.Second
	rootPoll = 2 * time.Millisecond
)

// mountDev mounts devtmpfs and moves the three standard files to its console:
// the node they came with is in the initramfs, which is about to be emptied.
func mountDev() error {
	if err := unix.Mount("dev", "/dev", "devtmpfs", unix.MS_NOSUID, "mode=0755"); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	fd, err := unix.Open("/dev/console", unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open /dev/console: %w", err)
	}
	for std := range 3 {
		if err := unix.Dup2(fd, std); err != nil {
			return fmt.Errorf("use /dev/console as file %d: %w", std, err)
		}
	}
	return unix.Close(fd)
}

// loadModules loads the modules of the list, in its order.
func loadModules() error {
	list, err := os.ReadFile("/" + initramfs.ModuleList)
	if err != nil {
		return fmt.Errorf("read module list: %w", err)
	}
	for _, name := range strings.Fields(string(list)) {
		if err := loadModule(filepath.Join("/"+initramfs.ModuleDir, name)); err != nil {
			return fmt.Errorf("load module %s: %w", name, err)
		}
	}
	return nil
}

func loadModule(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.FinitModule(fd, "", 0)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// mountRoot mounts the root file system on newRoot.
func mountRoot(o options) error {
	if err := waitFor(o.root); err != nil {
		return err
	}
	var flags uintptr
	if o.readOnly {
		flags = unix.MS_RDONLY
	}
	if err := unix.Mount(o.root, newRoot, o.fsType, flags, ""); err != nil {
		return fmt.Errorf("mount root %s as %s: %w", o.root, o.fsType, err)
	}
	return nil
}

func waitFor(device string) error {
	deadline := time.Now().Add(rootWait)
	for {
		_, err := os.Stat(device)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("root disk %s did not appear within %s", device, rootWait)
		}
		time.Sleep(rootPoll)
	}
}

// switchRoot makes newRoot the root of this process, and of the kernel threads,
// which share its root. pivot_root(2) does not work on an initramfs: it cannot
// be unmounted, so its files are removed to give their memory back, and the new
// root is moved over it.
func switchRoot() error {
	if err := unix.Mount("/dev", filepath.Join(newRoot, "dev"), "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move /dev to the new root: %w", err)
	}
	for _, path := range []string{"/init", "/" + initramfs.ModuleDir} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("empty the initramfs: %w", err)
		}
	}
	if err := unix.Chdir(newRoot); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the new root to /: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot to the new root: %w", err)
	}
	return unix.Chdir("/")
}
