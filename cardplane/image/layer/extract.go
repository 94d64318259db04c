package layer

import (
	"archive/tar"
	"fmt"
	"io"

	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// Extract reads a layer that a [Merger] has read before and calls write with
// each of the given files and a reader of its content, in order. It stops
// after the last of them. Errors of write are returned as they are.
func Extract(r io.Reader, files []File, write func(*mkerofs.Inode, io.Reader) error) error {
	tr := tar.NewReader(r)
	for entry := int64(0); len(files) > 0; entry++ {
		if _, err := tr.Next(); err != nil {
			return fmt.Errorf("layer entry %d: %w", entry, err)
		}
		if files[0].Entry != entry {
			continue
		}
		if err := write(files[0].Inode, tr); err != nil {
			return err
		}
		files = files[1:]
	}
	return nil
}
