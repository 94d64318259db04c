// Command initrd-init is the first program in a guest whose kernel has its disk
// and file system drivers as modules. It loads them, mounts the EROFS root and
// becomes that root's init.
//
// What init finds is the same as with a kernel that mounts its root alone:
// devtmpfs on /dev, nothing else mounted, /dev/console as its three standard
// files, and the kernel's arguments and environment.
package main

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func main() {
	err := run()
	// Only failure returns here. Nobody can look after this guest, so it ends at
	// once and its console says why.
	fmt.Fprintf(os.Stderr, "initrd-init: %v\n", err)
	unix.Sync()
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintf(os.Stderr, "initrd-init: power off: %v\n", err)
	}
	os.Exit(1) // PID 1 gone: the kernel panics, which also ends the guest
}

// run is the list of boot steps.
func run() error {
	if err := mountDev(); err != nil {
		return err
	}
	opts, err := readOptions()
	if err != nil {
		return err
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := mountRoot(opts); err != nil {
		return err
	}
	if err := switchRoot(); err != nil {
		return err
	}
	argv := append([]string{opts.init}, os.Args[1:]...)
	return fmt.Errorf("exec %s: %w", opts.init, syscall.Exec(opts.init, argv, os.Environ()))
}
