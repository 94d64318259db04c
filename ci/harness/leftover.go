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

// processes returns the command lines that mention dir, by process id.
func processes(dir string) map[int]string {
	out := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		cmdline, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(cmdline, []byte(dir+"/")) {
			continue // gone in between, or not ours
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
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

// VMs returns the process ids of the stack's virtual machine monitors.
func (s *Stack) VMs() (pids []int) {
	for pid, cmdline := range processes(s.Dir) {
		program, _, _ := strings.Cut(cmdline, " ")
		switch filepath.Base(program) {
		case "ch-qemu", "cloud-hypervisor":
			pids = append(pids, pid)
		}
	}
	return pids
}
