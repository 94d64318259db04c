package chvmm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ParseOptions parses a value of the command line in the form
// "key=value,key=value" and refuses keys that are not in known.
func ParseOptions(arg string, known ...string) (map[string]string, error) {
	opts := map[string]string{}
	for _, part := range strings.Split(arg, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown option %q in %q; known are %s", part, arg, strings.Join(known, ", "))
		}
		opts[key] = value
	}
	return opts, nil
}

// parseFD checks that text is the number of an open file descriptor above
// standard error.
func parseFD(text string) (int, error) {
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return 0, fmt.Errorf("fd=%q: not a number above 2", text)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return 0, fmt.Errorf("fd=%d: %w", fd, err)
	}
	return fd, nil
}
