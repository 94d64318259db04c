package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseSize turns "512m", "1g" or "1073741824" into bytes. Units are powers of
// 1024 and may be followed by b or ib.
func parseSize(text string) (int64, error) {
	number := strings.ToLower(strings.TrimSpace(text))
	number = strings.TrimSuffix(strings.TrimSuffix(number, "b"), "i")
	shift := 0
	if number != "" {
		if at := strings.IndexByte("kmgt", number[len(number)-1]); at >= 0 {
			shift = 10 * (at + 1)
			number = number[:len(number)-1]
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	bytes := value * math.Exp2(float64(shift))
	if err != nil || !(bytes > 0) || bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size; use a number with k, m, g or t, such as 512m", text)
	}
	return int64(bytes), nil
}

// parseCPUs turns the number of CPUs into that of virtual CPUs.
func parseCPUs(text string) (int, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value != math.Trunc(value) || value < 1 || value > math.MaxInt32 {
		return 0, fmt.Errorf("%q is no number of CPUs; a virtual machine has whole ones, such as 2", text)
	}
	return int(value), nil
}

// parseSince turns a time (RFC 3339), a UNIX time, or how long ago into a time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < 1<<40 {
		return time.UnixMicro(int64(seconds * 1e6)), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; use one such as 2026-01-02T15:04:05Z, a UNIX time, or 10m for ten minutes ago", text)
}

// humanSize renders bytes in powers of 1000, as docker does for images.
func humanSize(bytes int64) string {
	value, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= 1000 && len(units) > 1 {
		value, units = value/1000, units[1:]
	}
	return strconv.FormatFloat(value, 'g', 3, 64) + units[0]
}

// humanDuration renders roughly how long d is.
func humanDuration(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
		from   int // from how many of the unit on it is used
	}{
		{365 * 24 * time.Hour, "year", 2},
		{30 * 24 * time.Hour, "month", 2},
		{7 * 24 * time.Hour, "week", 2},
		{24 * time.Hour, "day", 2},
		{time.Hour, "hour", 2},
		{time.Minute, "minute", 1},
		{time.Second, "second", 1},
	} {
		n := int(d / unit.length)
		switch {
		case n < unit.from:
		case n == 1:
			return "1 " + unit.name
		default:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a second"
}

// ago renders how long before now t was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "N/A"
	}
	return humanDuration(now.Sub(t)) + " ago"
}

// shortID returns the first 12 digits of an id, without its algorithm.
func shortID(id string) string {
	if _, digits, ok := strings.Cut(id, ":"); ok {
		id = digits
	}
	return id[:min(len(id), 12)]
}
