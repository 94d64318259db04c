package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// holeUnit is the least hole that is made, in bytes: smaller ones would cost
	// whoever reads the file more calls than they save it bytes.
	holeUnit = 64 << 10
	// digUnit is how much is looked at at once, in bytes; a multiple of holeUnit.
	digUnit = 1 << 20
)

// dig frees the blocks of f that hold nothing but zeros, and leaves its length
// and its bytes as they are. The memory of a guest that has just booted is
// mostly zeros, and a VMM writes them all where it has no memory file to ask
// for its holes; one that restores skips holes. On a filesystem without holes
// dig does nothing.
func dig(f *os.File) error {
	chunk, zeros := make([]byte, digUnit), make([]byte, holeUnit)
	for at := int64(0); ; {
		n, err := f.ReadAt(chunk, at)
		for unit := 0; unit+holeUnit <= n; unit += holeUnit {
			if !bytes.Equal(chunk[unit:unit+holeUnit], zeros) {
				continue
			}
			switch err := punch(f, at+int64(unit)); {
			case errors.Is(err, unix.EOPNOTSUPP):
				return nil
			case err != nil:
				return fmt.Errorf("free zeros of a snapshot: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read snapshot: %w", err)
		}
		at += int64(n)
	}
}

func punch(f *os.File, at int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, holeUnit)
}
