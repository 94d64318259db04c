package crun

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Usage implements container.Runtime.
func (r *Runtime) Usage(id string) (guestapi.Stats, error) {
	var out guestapi.Stats
	var errs []error
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(r.cgroup(id), name))
		// A controller that is off has no files, and a cgroup may go.
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("usage of container %q: %w", id, err))
		}
		return text
	}
	cpu := counters(read("cpu.stat"))
	out.CpuMicroseconds, out.UserMicroseconds, out.SystemMicroseconds = cpu["usage_usec"], cpu["user_usec"], cpu["system_usec"]
	out.MemoryBytes = single(read("memory.current"))
	out.MemoryLimitBytes = single(read("memory.max")) // "max" is no number
	out.MemoryCacheBytes = counters(read("memory.stat"))["inactive_file"]
	out.Processes = int32(single(read("pids.current")))
	addIO(&out, read("io.stat"))
	return out, errors.Join(errs...)
}

// Pids implements container.Runtime.
func (r *Runtime) Pids(id string) ([]int, error) { return r.pids(id) }

// counters reads lines of "key value".
func counters(text []byte) map[string]int64 {
	out := map[string]int64{}
	for line := range bytes.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			out[key] = n
		}
	}
	return out
}

// single reads a file that holds a number.
func single(text []byte) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// addIO adds up the devices of io.stat, whose lines are "8:0 rbytes=1 …".
func addIO(out *guestapi.Stats, text []byte) {
	for field := range strings.FieldsSeq(string(text)) {
		key, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch key {
		case "rbytes":
			out.ReadBytes += n
		case "wbytes":
			out.WrittenBytes += n
		case "rios":
			out.Reads += n
		case "wios":
			out.Writes += n
		}
	}
}
