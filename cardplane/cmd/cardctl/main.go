// Command cardctl commands a Cardplane control plane from the command line.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/cardplane/cardplane/cardplane/cli"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH)
	app := &cli.App{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Getenv: os.Getenv, Signals: signals, HostChecks: hostChecks,
	}
	os.Exit(app.Run(context.Background(), os.Args[1:]))
}
