package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// controllers are what is limited and counted in a cgroup.
var controllers = []string{"cpu", "io", "memory", "pids"}

// Limits bound what the processes of a cgroup take together. Zero does not
// bound.
type Limits struct {
	// MemoryBytes is memory.max. Beyond it all of the processes are killed.
	MemoryBytes int64
	// CPUs is how many CPUs' time they get at most, CPUWeight their share
	// where CPUs are contended for (cgroup-v2.rst, cpu.max and cpu.weight).
	CPUs, CPUWeight int
	// PIDs is the number of processes and threads.
	PIDs int
}

// cpuPeriod is the period of cpu.max in microseconds, the kernel's default.
const cpuPeriod = 100_000

// setting is the text for one file of a cgroup.
type setting struct{ file, text string }

// settings renders l, for the controllers that lacking does not name.
func (l Limits) settings(lacking []string) []setting {
	var out []setting
	add := func(controller, file, text string, wanted bool) {
		if wanted && !slices.Contains(lacking, controller) {
			out = append(out, setting{file, text})
		}
	}
	add("memory", "memory.max", strconv.FormatInt(l.MemoryBytes, 10), l.MemoryBytes > 0)
	add("memory", "memory.oom.group", "1", l.MemoryBytes > 0)
	add("cpu", "cpu.max", fmt.Sprintf("%d %d", l.CPUs*cpuPeriod, cpuPeriod), l.CPUs > 0)
	add("cpu", "cpu.weight", strconv.Itoa(l.CPUWeight), l.CPUWeight > 0)
	add("pids", "pids.max", strconv.Itoa(l.PIDs), l.PIDs > 0)
	return out
}

// Enforced returns the part of l that this host's cgroups can hold; the zero
// Limits for the nil Cgroups.
func (c *Cgroups) Enforced(l Limits) Limits {
	if c == nil {
		return Limits{}
	}
	for controller, limits := range map[string][]*int{"cpu": {&l.CPUs, &l.CPUWeight}, "pids": {&l.PIDs}} {
		for _, limit := range limits {
			if slices.Contains(c.lacking, controller) {
				*limit = 0
			}
		}
	}
	if slices.Contains(c.lacking, "memory") {
		l.MemoryBytes = 0
	}
	return l
}

// Lacking names the controllers that VMs' cgroups do not have here.
func (c *Cgroups) Lacking() []string {
	if c == nil {
		return controllers
	}
	return c.lacking
}

// enable makes the controllers there are available one level below dir, and
// returns those that are not.
func enable(dir string) (lacking []string) {
	path := filepath.Join(dir, "cgroup.subtree_control")
	for _, name := range controllers {
		// One at a time, as one that fails would take all with it.
		_ = write(path, "+"+name)
	}
	return missingFrom(path)
}

// missingFrom returns the controllers that the file at path does not name.
func missingFrom(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return controllers
	}
	names := strings.Fields(string(text))
	return slices.DeleteFunc(slices.Clone(controllers), func(name string) bool { return slices.Contains(names, name) })
}

// write writes to a file that exists; the kernel makes those of a cgroup.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Usage is what the processes of a cgroup take, those that have ended
// included. What is not counted here is nil.
type Usage struct {
	MemoryBytes, CPUMicroseconds, ReadBytes, WrittenBytes *int64
}

// Usage returns what the cgroup name takes. One that does not exist, and the
// nil Cgroups, count nothing.
func (c *Cgroups) Usage(name string) Usage {
	var u Usage
	if c == nil {
		return u
	}
	dir := filepath.Join(c.dir, name)
	if text, err := os.ReadFile(filepath.Join(dir, "memory.current")); err == nil {
		u.MemoryBytes = parseInt(strings.TrimSpace(string(text)))
	}
	if text, err := os.ReadFile(filepath.Join(dir, "cpu.stat")); err == nil {
		u.CPUMicroseconds = cpuUsage(string(text))
	}
	text, err := os.ReadFile(filepath.Join(dir, "io.stat"))
	if errors.Is(err, fs.ErrNotExist) {
		return u
	}
	u.ReadBytes, u.WrittenBytes = ioUsage(string(text))
	return u
}

func parseInt(text string) *int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// cpuUsage reads usage_usec of cpu.stat.
func cpuUsage(stat string) *int64 {
	for line := range strings.Lines(stat) {
		if value, ok := strings.CutPrefix(line, "usage_usec "); ok {
			return parseInt(strings.TrimSpace(value))
		}
	}
	return nil
}

// ioUsage adds up rbytes and wbytes of io.stat, a line a device.
func ioUsage(stat string) (read, written *int64) {
	read, written = new(int64), new(int64)
	for field := range strings.FieldsSeq(stat) {
		name, value, _ := strings.Cut(field, "=")
		n := parseInt(value)
		switch {
		case n == nil:
		case name == "rbytes":
			*read += *n
		case name == "wbytes":
			*written += *n
		}
	}
	return read, written
}
