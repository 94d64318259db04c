// The machine has as many processors for good as it was booted with, and PID 1
// is in no cgroup that limits it: the runtime need not look, nor look again.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command guest-agent is PID 1 of every Cardplane VM: it makes the machine
// ready, serves the API of openapi/guest-agent.yaml and its streams on vsock,
// and powers the machine off at the end. It has no flags; CARDPLANE_LOG on
// the kernel's command line sets the level of what it prints on the console.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cardplane/cardplane/guest-agent/boot"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest-agent: is the init program of a Cardplane VM; it does nothing else")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := NewMain(os.Stderr).Run(ctx)
	// PID 1 must not return: the kernel would panic, and nothing be synced.
	fmt.Fprintln(os.Stderr, "guest-agent:", boot.Halt(os.Stderr, err))
}
