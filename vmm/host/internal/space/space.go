// Package space tells what files take of a filesystem and where, and that it is
// full.
package space

import (
	"errors"
	"io/fs"
	"os"
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

// NextData returns the first range of data at or after at of a file of size
// bytes; an empty range at size where there is none. It moves the file's offset.
func NextData(f *os.File, at, size int64) (start, end int64, err error) {
	start, err = f.Seek(at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size, nil
	}
	if err != nil {
		return 0, 0, err
	}
	end, err = f.Seek(start, unix.SEEK_HOLE)
	return start, min(end, size), err
}
