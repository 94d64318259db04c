package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// copySparse copies size bytes of src to the empty file dst: by sharing its
// blocks where the filesystem can (FICLONE), else extent by extent, leaving
// holes as they are.
func copySparse(dst, src *os.File, size int64) error {
	err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EIO) {
		return fmt.Errorf("share blocks: %w", err)
	}
	for at := int64(0); at < size; {
		start, end, err := space.NextData(src, at, size)
		if err != nil {
			return fmt.Errorf("find data: %w", err)
		}
		if err := copyExtent(dst, src, start, end); err != nil {
			return err
		}
		at = end
	}
	return nil
}

// copyExtent copies bytes start to end. io.Copy between files uses
// copy_file_range(2) where it works.
func copyExtent(dst, src *os.File, start, end int64) error {
	if start >= end {
		return nil
	}
	if _, err := src.Seek(start, io.SeekStart); err != nil {
		return err
	}
	if _, err := dst.Seek(start, io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyN(dst, src, end-start)
	return err
}
