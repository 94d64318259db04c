package rootdir

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountInfo is what is known of a mount (proc_pid_mountinfo(5)).
type mountInfo struct {
	device uint64 // of its file system
	point  string
}

// readMountInfo reads a list of mounts, the older ones first.
func readMountInfo(r io.Reader) ([]mountInfo, error) {
	var list []mountInfo
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		const device, point = 2, 4
		if len(fields) <= point {
			return nil, fmt.Errorf("a mount is listed as %q", lines.Text())
		}
		var major, minor uint32
		if _, err := fmt.Sscanf(fields[device], "%d:%d", &major, &minor); err != nil {
			return nil, fmt.Errorf("a mount is listed as %q: %w", lines.Text(), err)
		}
		list = append(list, mountInfo{device: unix.Mkdev(major, minor), point: unescape(fields[point])})
	}
	return list, lines.Err()
}

// unescape reads a path of the list, in which white space and backslashes are
// three octal digits after a backslash.
func unescape(path string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(path, `\`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		code, err := strconv.ParseUint(after[:min(len(after), 3)], 8, 8)
		if err != nil {
			return out.String() + `\` + after
		}
		out.WriteByte(byte(code))
		path = after[3:]
	}
}

// pointsOf returns where a device's file system is mounted. hidden tells that
// something else is mounted on one of the places.
func pointsOf(list []mountInfo, device uint64) (points []string, hidden bool) {
	top := make(map[string]uint64)
	for _, m := range list {
		top[m.point] = m.device
		if m.device == device {
			points = append(points, m.point)
		}
	}
	for _, p := range points {
		hidden = hidden || top[p] != device
	}
	return points, hidden
}
