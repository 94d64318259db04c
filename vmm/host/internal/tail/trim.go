package tail

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Keep is how many of a trimmed file's newest bytes are sure to be left.
const Keep = 1 << 20

// Trim frees all but about the newest Keep bytes of the file at path, once it
// takes twice as much. Its length stays as it is, so that its writer and the
// offsets of its readers are not disturbed. It keeps a guest that never stops writing to its
// console from filling the host.
func Trim(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	const statUnit, page = 512, 4096
	if st.Blocks*statUnit <= 2*Keep {
		return nil
	}
	// Whole pages only: of a part of one the bytes would be zeroed and left.
	end := (st.Size - Keep) &^ (page - 1)
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, end)
	if err != nil {
		return fmt.Errorf("trim %s: %w", path, err)
	}
	return nil
}
