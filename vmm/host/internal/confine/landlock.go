// Package confine starts a process that can do less than this one: it gains
// no privileges by executing anything, and reaches no file but those that a
// policy names (Landlock). The confinement is this process's doing, holds for
// everything that the new process starts, and cannot be taken off.
package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Policy names what a confined process may reach. A path that does not exist
// is left out; a directory stands for all beneath it.
type Policy struct {
	// Run may be read and executed.
	Run []string
	// Read may be read.
	Read []string
	// Write may be read and written to, as it stands; nothing is made in it.
	Write []string
	// Devices are as Write, and may be controlled with ioctl(2).
	Devices []string
	// Sockets are directories in which unix sockets may be made and removed.
	Sockets []string
	// Fill are directories in which files may be made and written to.
	Fill []string
}

// ABI returns the kernel's version of Landlock, 1 or more. The error says why
// there is none.
func ABI() (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(n), nil
	case unix.ENOSYS:
		return 0, errors.New("this kernel has no Landlock (Linux 5.13 or later, CONFIG_SECURITY_LANDLOCK)")
	case unix.EOPNOTSUPP:
		return 0, errors.New("this kernel has Landlock and does not use it (boot parameter lsm=)")
	default:
		return 0, fmt.Errorf("ask for Landlock: %w", errno)
	}
}

// Rights by what a path is named for.
const (
	readRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	runRights  = readRights | unix.LANDLOCK_ACCESS_FS_EXECUTE
	// writeRights are those on a file that exists.
	writeRights  = readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	deviceRights = writeRights | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	fillRights   = writeRights | unix.LANDLOCK_ACCESS_FS_MAKE_REG
	socketRights = unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	// fileRights are those that a rule about something else than a
	// directory may have.
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_READ_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// handled returns what Landlock of that version denies unless a rule allows
// it: every access to files there is, TCP, and signals and abstract unix
// sockets that lead out. (landlock(7), "Landlock ABI versions")
func handled(abi int) unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1} // EXECUTE to MAKE_SYM
	if abi >= 2 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// restrict confines the calling thread and what it starts.
func (p *Policy) restrict(abi int) error {
	attr := handled(abi)
	// Fields that this version does not know are zero and so permitted.
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return fmt.Errorf("landlock_create_ruleset: %w", errno)
	}
	ruleset := int(fd)
	defer func() { _ = unix.Close(ruleset) }()
	for _, group := range []struct {
		paths  []string
		rights uint64
	}{
		{p.Run, runRights}, {p.Read, readRights}, {p.Write, writeRights}, {p.Devices, deviceRights}, {p.Sockets, socketRights},
		{p.Fill, fillRights},
	} {
		for _, path := range group.paths {
			if err := allow(ruleset, path, group.rights&attr.Handled_access_fs); err != nil {
				return err
			}
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("landlock_restrict_self: %w", errno)
	}
	return nil
}

// allow adds a rule about path, if it exists.
func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("confine to %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("confine to %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	// struct landlock_path_beneath_attr is packed: 12 bytes.
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("confine to %s: landlock_add_rule: %w", path, errno)
	}
	return nil
}
