// Command ch-qemu is a process with Cloud Hypervisor's command line, REST API,
// events and hybrid-vsock socket, for computers without usable KVM: below the
// API the guest runs in QEMU's binary translator.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Exit codes are Cloud Hypervisor's: 0 for every orderly end, that of the
// guest included.
const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	m := NewMain()
	if err := m.ParseFlags(os.Args[1:]); errors.Is(err, errShown) {
		return
	} else if err != nil {
		fmt.Fprintf(os.Stderr, "ch-qemu: %v\n", err)
		os.Exit(exitUsage)
	}
	if err := m.Run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "Error: ch-qemu exited with the following error:\n  %v\n", err)
		os.Exit(exitFailure)
	}
}
