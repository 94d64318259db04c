package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// options are the parameters of the kernel command line that matter here, with
// the kernel's own meaning (Documentation/admin-guide/kernel-parameters.rst).
type options struct {
	root     string // device node
	fsType   string
	readOnly bool
	init     string
}

// parseOptions reads a kernel command line; as in the kernel, the last of
// several equal parameters counts.
func parseOptions(cmdline string) options {
	o := options{root: "/dev/vda", fsType: "erofs", readOnly: true, init: "/sbin/init"}
	for _, word := range strings.Fields(cmdline) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "--":
			return o // what follows is for init
		case "root":
			o.root = value
		case "rootfstype":
			o.fsType = value
		case "init":
			o.init = value
		case "ro":
			o.readOnly = true
		case "rw":
			o.readOnly = false
		}
	}
	return o
}

// readOptions reads the command line; /proc is only mounted meanwhile.
func readOptions() (options, error) {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return options{}, fmt.Errorf("mount /proc: %w", err)
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return options{}, fmt.Errorf("read kernel command line: %w", err)
	}
	if err := unix.Unmount("/proc", 0); err != nil {
		return options{}, fmt.Errorf("unmount /proc: %w", err)
	}
	return parseOptions(string(cmdline)), nil
}
