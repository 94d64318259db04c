package crun

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// cgroup returns the directory of a container's cgroup.
func (r *Runtime) cgroup(id string) string {
	return filepath.Join(r.config.CgroupRoot, "containers", id)
}

// SignalAll implements container.Runtime. SIGKILL reaches processes that are
// being forked too; another signal may miss those.
func (r *Runtime) SignalAll(id string, sig syscall.Signal) error {
	if sig == syscall.SIGKILL {
		err := os.WriteFile(filepath.Join(r.cgroup(id), "cgroup.kill"), []byte("1"), 0)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil // the cgroup is gone, and all processes with it
	}
	pids, err := r.pids(id)
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("kill %d with signal %d: %w", pid, sig, err))
		}
	}
	return errors.Join(errs...)
}

// pids returns the processes in the container's cgroup and those below it.
func (r *Runtime) pids(id string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(r.cgroup(id), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it has gone meanwhile
		}
		if err != nil || entry.Name() != "cgroup.procs" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for field := range bytes.FieldsSeq(text) {
			// A pid of 0 is a process that this PID namespace cannot see.
			if pid, err := strconv.Atoi(string(field)); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("processes of container %q: %w", id, err)
	}
	return pids, nil
}

// OOMKilled implements container.Runtime. The kernel counts in oom how often
// the cgroup itself had no memory left, and in oom_kill every process killed.
func (r *Runtime) OOMKilled(id string) (killed, atLimit bool) {
	text, err := os.ReadFile(filepath.Join(r.cgroup(id), "memory.events"))
	if err != nil {
		return false, false // no memory controller, so no count
	}
	for line := range bytes.Lines(text) {
		key, count, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		some := string(count) != "0"
		switch string(key) {
		case "oom":
			atLimit = some
		case "oom_kill":
			killed = some
		}
	}
	return killed, killed && atLimit
}

// removeCgroup removes the container's cgroup where crun has left it.
func (r *Runtime) removeCgroup(id string) error {
	err := os.Remove(r.cgroup(id))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove cgroup of container %q: %w", id, err)
	}
	return nil
}
