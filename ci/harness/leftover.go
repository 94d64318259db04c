package harness

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// reap ends and reports every process that was started for the stack in dir,
// and unmounts and reports every mount below it.
func reap(dir string) error {
	var errs []error
	for pid, cmdline := range processes(dir) {
		errs = append(errs, fmt.Errorf("process %d was left behind: %.300s", pid, cmdline))
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("kill process %d: %w", pid, err))
		}
	}
	for _, target := range mounts(dir) {
		errs = append(errs, fmt.Errorf("mount %s was left behind", target))
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", target, err))
		}
	}
	return errors.Join(errs...)
}

// processes returns the command lines of the processes that were started for
// the stack in dir, by process id: those that mention it, and those with it in
// their environment, as its VMMs and each cardctl have.
func processes(dir string) map[int]string {
	out := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		proc := filepath.Dir(file)
		cmdline, err := os.ReadFile(file)
		environ, _ := os.ReadFile(filepath.Join(proc, "environ")) // others' cannot be read
		if err != nil || !bytes.Contains(cmdline, []byte(dir+"/")) && !bytes.Contains(environ, []byte(dir+"/")) {
			continue // gone in between, or not ours
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil && pid != os.Getpid() {
			out[pid] = string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '}))
		}
	}
	return out
}

// mounts returns the mount points below dir, the last mounted first.
func mounts(dir string) (out []string) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			out = append([]string{fields[1]}, out...)
		}
	}
	return out
}
