package ocispec

import (
	"strconv"
	"strings"

	"github.com/cardplane/cardplane/openapi/apierr"
	"golang.org/x/sys/unix"
)

// The real-time signals that programs can use (signal(7)); the C library
// keeps the two below for itself.
const (
	rtMin = 34
	rtMax = 64
)

// ParseSignal returns the number of a signal given by name, with or without
// "SIG" and in any case, or by number, 1 to 64. It fails with invalid_signal.
func ParseSignal(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n >= 1 && n <= rtMax {
			return n, nil
		}
		return 0, badSignal(s)
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	if n, ok := realTime(name); ok {
		return n, nil
	}
	return 0, badSignal(s)
}

// realTime parses SIGRTMIN+n and SIGRTMAX-n.
func realTime(name string) (int, bool) {
	for prefix, base := range map[string]int{"SIGRTMIN": rtMin, "SIGRTMAX": rtMax} {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if rest == "" {
			return base, true
		}
		n, err := strconv.Atoi(rest)
		if err != nil || (rest[0] != '+' && rest[0] != '-') || base+n < rtMin || base+n > rtMax {
			return 0, false
		}
		return base + n, true
	}
	return 0, false
}

func badSignal(s string) error {
	return apierr.New(apierr.InvalidArgument, "invalid_signal",
		"signal %q does not exist; use a name such as SIGTERM or a number from 1 to %d", s, rtMax).At("/signal")
}
