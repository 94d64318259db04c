package crun

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// cpuPeriod is the period of cpu.max, in microseconds.
const cpuPeriod = 100_000

// Limit implements container.Runtime. A memory limit below what the programs
// hold would have the kernel kill them, so it is refused.
func (r *Runtime) Limit(id string, limits guestapi.Limits) error {
	if limits.MemoryBytes > 0 {
		stat, err := os.ReadFile(filepath.Join(r.cgroup(id), "memory.stat"))
		if err != nil {
			return fmt.Errorf("memory of container %q: %w", id, err)
		}
		if held := counters(stat)["anon"]; held > limits.MemoryBytes {
			return apierr.New(apierr.FailedPrecondition, "memory_in_use",
				"the container's programs hold %d bytes of memory, more than the limit of %d", held, limits.MemoryBytes)
		}
	}
	files := []struct{ name, value string }{
		{"memory.max", orMax(limits.MemoryBytes)},
		{"cpu.max", fmt.Sprintf("%s %d", orMax(int64(limits.Cpus)*cpuPeriod), cpuPeriod)},
		{"pids.max", orMax(limits.Pids)},
	}
	var undo []func() error
	for _, file := range files {
		path := filepath.Join(r.cgroup(id), file.name)
		before, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(file.value), 0)
		}
		if err != nil {
			for _, f := range undo {
				err = errors.Join(err, f())
			}
			return fmt.Errorf("limit container %q: %w", id, err)
		}
		undo = append(undo, func() error { return os.WriteFile(path, before, 0) })
	}
	return nil
}

// orMax renders a limit as cgroup files take it.
func orMax(limit int64) string {
	if limit == 0 {
		return "max"
	}
	return strconv.FormatInt(limit, 10)
}
