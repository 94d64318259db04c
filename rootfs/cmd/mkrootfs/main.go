// Command mkrootfs makes what a guest boots from: kernel, initramfs, root image,
// scratch disk template, and the manifest that names them.
//
//	mkrootfs guest --kernel debian|own --agent FILE --initrd-init FILE --bareinit FILE
//	mkrootfs kernel
//
// The first writes the artefacts directory for a kernel; the second builds our
// own kernel into the cache, for the first to use.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/rootfs/cache"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := NewMain()
	if err := m.ParseFlags(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintf(os.Stderr, "mkrootfs: %v\n", err)
		os.Exit(2)
	}
	if err := m.Run(ctx); err != nil {
		stop()
		fmt.Fprintf(os.Stderr, "mkrootfs: %v\n", err)
		os.Exit(1)
	}
}

// Main is the program with its settings.
type Main struct {
	// Command is "guest" or "kernel".
	Command string
	// CacheDir keeps packages and kernels between builds.
	CacheDir string
	// Out is the directory that gets a folder for each kernel.
	Out string
	// Kernel is "debian" or "own".
	Kernel string
	// Agent, InitrdInit and BareInit are static executables for the guest.
	Agent, InitrdInit, BareInit string
	// Jobs is how many compilers build a kernel.
	Jobs int

	log *logrus.Logger
}

// NewMain returns a Main that logs to standard error.
func NewMain() *Main { return &Main{log: logrus.New()} }

// ParseFlags reads the command line without the program's name.
func (m *Main) ParseFlags(args []string) error {
	const usage = "say what to make: mkrootfs guest … or mkrootfs kernel …"
	if len(args) == 0 {
		return errors.New(usage)
	}
	m.Command = args[0]
	flags := flag.NewFlagSet("mkrootfs "+m.Command, flag.ContinueOnError)
	flags.StringVar(&m.CacheDir, "cache", "", "cache `directory` (default $CARDPLANE_CACHE, else cardplane in the user's cache directory)")
	switch m.Command {
	case "guest":
		flags.StringVar(&m.Out, "out", "build/guest", "`directory` that gets a folder for each kernel")
		flags.StringVar(&m.Kernel, "kernel", kernelDebian, "which kernel: debian or own")
		flags.StringVar(&m.Agent, "agent", "", "guest agent, a static executable `file`")
		flags.StringVar(&m.InitrdInit, "initrd-init", "", "first program of the initramfs, a static executable `file`")
		flags.StringVar(&m.BareInit, "bareinit", "", "PID 1 for benchmarks, a static executable `file`")
	case "kernel":
		flags.IntVar(&m.Jobs, "jobs", 2, "compilers to run at once")
	default:
		return fmt.Errorf("%q is no command; %s", m.Command, usage)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return m.check()
}

// check completes and checks the settings.
func (m *Main) check() (err error) {
	if m.CacheDir == "" {
		if m.CacheDir, err = cache.Dir(); err != nil {
			return err
		}
	}
	if m.Command != "guest" {
		return nil
	}
	if m.Kernel != kernelDebian && m.Kernel != kernelOwn {
		return fmt.Errorf("--kernel %q: must be %s or %s", m.Kernel, kernelDebian, kernelOwn)
	}
	for name, file := range map[string]string{"agent": m.Agent, "initrd-init": m.InitrdInit, "bareinit": m.BareInit} {
		if file == "" {
			return fmt.Errorf("--%s is missing: name the executable file", name)
		}
	}
	return nil
}

// Run does what the command says.
func (m *Main) Run(ctx context.Context) error {
	if m.Command == "kernel" {
		return m.buildKernel(ctx)
	}
	return m.buildGuest(ctx)
}
