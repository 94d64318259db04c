// Command cardplaned is the container control plane of the offload card.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var m Main
	err := m.ParseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = errors.Join(m.Run(ctx), m.Close())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cardplaned: %v\n", err)
		stop()
		os.Exit(1)
	}
}
