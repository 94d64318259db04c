package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mountPoint is a row of the mount table.
type mountPoint struct {
	source, target, fstype string
	flags                  uintptr
	data                   string
}

const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mounts is what the agent and crun need, in order: /dev comes first, for
// whatever opens a device, such as the Go runtime for lack of a standard file.
// Containers mount /dev/pts and the like themselves, and /dev/shm where they do
// not share this one.
var mounts = []mountPoint{
	{"dev", "dev", "devtmpfs", unix.MS_NOSUID, "mode=0755"},
	{"proc", "proc", "proc", safe, ""},
	{"sysfs", "sys", "sysfs", safe, ""},
	{"cgroup2", "sys/fs/cgroup", "cgroup2", safe, "nsdelegate"},
	{"run", "run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755"},
}

// mount mounts the table. What an initramfs or the kernel has mounted stays.
func (m machine) mount(context.Context) error {
	for _, p := range mounts {
		target := filepath.Join(m.root, p.target)
		err := m.system.Mount(p.source, target, p.fstype, p.flags, p.data)
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s on /%s: %w", p.fstype, p.target, err)
		}
	}
	return nil
}

// shm mounts the memory that containers share which share the machine.
func (m machine) shm(context.Context) error {
	target := filepath.Join(m.root, "dev/shm")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := m.system.Mount("shm", target, "tmpfs", safe, "mode=1777"); err != nil {
		return fmt.Errorf("mount tmpfs on /dev/shm: %w", err)
	}
	return nil
}

// needed are the file systems that containers are made of.
var needed = []string{"erofs", "overlay", "ext4"}

// filesystems checks that the kernel has what containers need, so that a
// kernel without it fails here and not at the first container. Modules were
// loaded by the initramfs, if the kernel has any.
func (m machine) filesystems(context.Context) error {
	text, err := os.ReadFile(filepath.Join(m.root, "proc/filesystems"))
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 0 {
			known[fields[len(fields)-1]] = true
		}
	}
	for _, name := range needed {
		if !known[name] {
			return fmt.Errorf("the kernel has no %s; build it in, or load its module in the initramfs", name)
		}
	}
	return nil
}
