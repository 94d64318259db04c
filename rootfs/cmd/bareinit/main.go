// Command bareinit is the smallest useful PID 1: it says that it runs and powers
// the machine off. Benchmarks boot it to learn what the kernel and the virtual
// machine cost without anything of ours on top.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// line is what a benchmark waits for on the console.
const line = "CARDPLANE-BARE-INIT\n"

func main() {
	if err := report(); err != nil {
		fmt.Fprintf(os.Stderr, "bareinit: %v\n", err)
	}
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintf(os.Stderr, "bareinit: power off: %v\n", err)
		os.Exit(1)
	}
}

func report() error {
	console, err := os.OpenFile("/dev/console", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer console.Close()
	_, err = console.WriteString(line)
	return err
}
