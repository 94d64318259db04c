package procs

import (
	"errors"
	"fmt"
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

// Free returns the lowest uid of the range for a VM that taken does not know
// and that no process of the host has; false when there is none.
func (r UIDRange) Free(taken map[int]bool) (int, bool) {
	for uid := r.First + 1; uid <= r.Last; uid++ {
		if !taken[uid] && !uidInUse(uid) {
			return uid, true
		}
	}
	return 0, false
}

// uidInUse reports whether a process has the uid, also one that another
// daemon has started: setpriority(2) finds it.
func uidInUse(uid int) bool {
	_, err := unix.Getpriority(unix.PRIO_USER, uid)
	return !errors.Is(err, unix.ESRCH)
}
