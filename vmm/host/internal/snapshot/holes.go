package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// holeUnit is the least hole that is made, in bytes: smaller ones would cost
// whoever reads the file more calls than they save it bytes.
const holeUnit = 64 << 10

// dig frees the blocks of f that hold nothing but zeros, and leaves its length
// and its bytes as they are. The memory of a guest that has just booted is
// mostly zeros, and a VMM writes them all where it has no memory file to ask
// for its holes; one that restores skips holes. On a filesystem without holes
// dig does nothing.
func dig(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("stat snapshot: %w", err)
	}
	for at := int64(0); at < info.Size(); {
		start, end, err := space.NextData(f, at, info.Size())
		if err == nil {
			err = digIn(io.NewSectionReader(f, start, end-start), func(offset int64) error { return punch(f, start+offset) })
		}
		if errors.Is(err, unix.EOPNOTSUPP) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("free zeros of a snapshot: %w", err)
		}
		at = end
	}
	return nil
}

// digIn calls free with the offset of each whole unit of data that is zero.
func digIn(data io.Reader, free func(offset int64) error) error {
	unit, zeros := make([]byte, holeUnit), make([]byte, holeUnit)
	for at := int64(0); ; at += holeUnit {
		_, err := io.ReadFull(data, unit)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // what is left is less than a unit
		}
		if err == nil && bytes.Equal(unit, zeros) {
			err = free(at)
		}
		if err != nil {
			return err
		}
	}
}

func punch(f *os.File, at int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, holeUnit)
}
