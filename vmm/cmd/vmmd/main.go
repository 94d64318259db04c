// Command vmmd is the only daemon on a compute host: it starts, lists and
// ends VMMs, holds blobs and disks for them, and joins the card's link with
// their sockets. `vmmd doctor` says what the host has and lacks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	m := NewMain()
	err := m.ParseFlags(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	if err == nil {
		err = m.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vmmd:", err)
		os.Exit(1)
	}
}
