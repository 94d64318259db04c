package procs

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// SealFDs marks every descriptor of this process but stdin, stdout and
// stderr close-on-exec, those included that it was started with, so that no
// process it starts inherits any.
func SealFDs() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("mark descriptors close-on-exec: %w", err)
	}
	return nil
}
