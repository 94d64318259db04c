package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// UIDRange is a range of user ids, and of the group ids of the same numbers.
// The first one is the group through which VMMs reach /dev/kvm where the
// device has no group of its own; the others are one VM's each. The zero
// range has none.
type UIDRange struct{ First, Last int }

// Bounds of a range. System users have the ids below the least one, and the
// greatest is that of int32.
const (
	minUID = 1000
	maxUID = 1<<31 - 1
)

// ParseUIDRange reads "FIRST-LAST", or "none" for the zero range.
func ParseUIDRange(text string) (UIDRange, error) {
	if text == "none" {
		return UIDRange{}, nil
	}
	first, last, _ := strings.Cut(text, "-")
	from, errFirst := strconv.Atoi(first)
	to, errLast := strconv.Atoi(last)
	if errFirst != nil || errLast != nil || from < minUID || to > maxUID || from >= to {
		return UIDRange{}, fmt.Errorf("%.60q is no range of uids; give FIRST-LAST, both from %d to %d, or none", text, minUID, maxUID)
	}
	return UIDRange{First: from, Last: to}, nil
}

// String is the inverse of ParseUIDRange.
func (r UIDRange) String() string {
	if r == (UIDRange{}) {
		return "none"
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Claims keeps daemons that share a host and a range from giving one uid to two
// VMs. It is a directory that all of them share, with a symbolic link for each
// uid that is taken: to the run directory of the VM that has it. So a claim ends
// with that directory, and outlives every daemon.
type Claims string

// Take takes the lowest uid of r that neither taken knows, nor a VM of another
// daemon has, nor any process of the host, for the VM whose run directory,
// which exists, is owner. It returns 0 when there is none.
func (c Claims) Take(r UIDRange, owner string, taken map[int]bool) (uid int, err error) {
	unlock, err := c.lock()
	if err != nil {
		return 0, fmt.Errorf("take a uid: %w", err)
	}
	defer unlock()
	for uid := r.First + 1; uid <= r.Last; uid++ {
		if taken[uid] || c.claimed(uid) || uidInUse(uid) {
			continue
		}
		if err := c.claim(uid, owner); err != nil {
			return 0, fmt.Errorf("take uid %d: %w", uid, err)
		}
		return uid, nil
	}
	return 0, nil
}

// lock makes this process the only one to take uids, until unlock.
func (c Claims) lock() (unlock func(), err error) {
	if err := os.MkdirAll(string(c), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(string(c), "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	unlock = func() { _ = f.Close() }
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		unlock()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return unlock, nil
}

func (c Claims) path(uid int) string { return filepath.Join(string(c), strconv.Itoa(uid)) }

// claimed reports whether the VM that a claim names is there.
func (c Claims) claimed(uid int) bool {
	_, err := os.Stat(c.path(uid))
	return !errors.Is(err, fs.ErrNotExist)
}

// claim puts a claim in the place of one that has ended.
func (c Claims) claim(uid int, owner string) error {
	owner, err := filepath.Abs(owner)
	if err != nil {
		return err
	}
	if err := os.Remove(c.path(uid)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(owner, c.path(uid))
}

// uidInUse reports whether a process has the uid, also one that another
// daemon has started: setpriority(2) finds it.
func uidInUse(uid int) bool {
	_, err := unix.Getpriority(unix.PRIO_USER, uid)
	return !errors.Is(err, unix.ESRCH)
}
