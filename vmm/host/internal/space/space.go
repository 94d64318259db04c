// Package space tells what files take of a filesystem, and that it is full.
package space

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// statUnit is the unit of st_blocks, in bytes (stat(2)).
const statUnit = 512

// Allocated returns what a file takes on its filesystem, in bytes.
func Allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * statUnit
	}
	return 0
}

// Lacking reports whether err says that the filesystem, or its user's share of
// it, is full.
func Lacking(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
