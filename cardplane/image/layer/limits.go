package layer

import (
	"errors"
	"fmt"
)

// ErrCorrupt is wrapped by errors that are the layer's fault: broken tar
// syntax or content that cannot be applied.
var ErrCorrupt = errors.New("corrupt layer")

// ErrTooLarge is wrapped by errors about an exceeded limit.
var ErrTooLarge = errors.New("image too large")

// Limits bound what a set of layers may expand to.
type Limits struct {
	// Entries is the largest number of tar entries and implied directories.
	Entries int64
	// Bytes is the largest sum of file sizes, and of tar streams, in bytes.
	Bytes int64
	// Metadata is the largest sum of the lengths of names, link targets and
	// extended attributes in bytes.
	Metadata int64
}

// Hard limits of Linux that a tar can exceed.
const (
	maxName     = 255  // NAME_MAX
	maxPath     = 4095 // PATH_MAX less the final NUL
	maxDepth    = 2048 // directories that fit in PATH_MAX
	maxSymlinks = 40   // MAXSYMLINKS
	maxXattr    = 65535
	maxMajor    = 1<<12 - 1
	maxMinor    = 1<<20 - 1
	maxID       = 1<<32 - 2 // 2^32-1 means "no change" to chown(2)
)

// spend takes amounts off the budget.
func (m *Merger) spend(entries, bytes, metadata int64) error {
	take := func(left *int64, n, limit int64, what string) error {
		if n > *left {
			return fmt.Errorf("%w: more than %d %s", ErrTooLarge, limit, what)
		}
		*left -= n
		return nil
	}
	return errors.Join(
		take(&m.left.Entries, entries, m.limits.Entries, "files"),
		take(&m.left.Bytes, bytes, m.limits.Bytes, "bytes in files"),
		take(&m.left.Metadata, metadata, m.limits.Metadata, "bytes of names and attributes"),
	)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCorrupt, fmt.Errorf(format, args...))
}
