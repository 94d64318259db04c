// Command computehost builds and boots the emulated compute host.
//
//	computehost build   make the host's image, if anything of it has changed,
//	                    and the QEMU that emulates it, where that is needed
//	computehost up      boot it, say how to use it, and power it off at Ctrl-C
//	computehost run DIR SCRIPT
//	                    run a shell script in the host of directory DIR
//	computehost exec [--env NAME=VALUE]… [--file NAME=PATH]… DIR PROGRAM ARGUMENT…
//	                    run a static program of this machine in that host; made
//	                    for the flag -exec of go test
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/ci/computehost"
	"github.com/cardplane/cardplane/ci/computehost/hostimage"
	"github.com/cardplane/cardplane/rootfs/cache"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var status exitStatus
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case errors.As(err, &status):
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "computehost: %v\n", err)
		os.Exit(1)
	}
}

// settings are what the flags say.
type settings struct {
	bin, image, guest string
	cpus, memory      int
}

// exitStatus is the exit status of a script, if not 0.
type exitStatus int

// Error implements error.
func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func run(ctx context.Context, args []string) error {
	const usage = "say what to do: computehost build, up, run or exec"
	switch {
	case len(args) == 0:
		return errors.New(usage)
	case args[0] == "exec":
		return runJob(ctx, args[1:])
	}
	var s settings
	flags := flag.NewFlagSet("computehost "+args[0], flag.ContinueOnError)
	flags.StringVar(&s.bin, "bin", "build/bin", "`directory` of the built programs")
	flags.StringVar(&s.image, "image", "build/host", "`directory` of the host's image")
	flags.StringVar(&s.guest, "guest", "build/guest/own", "`directory` of the guest artefacts, for the hint that up prints")
	flags.IntVar(&s.cpus, "cpus", 2, "processors of the host")
	flags.IntVar(&s.memory, "memory", 4096, "memory of the host in `MiB`")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch {
	case args[0] == "run" && flags.NArg() == 2:
		return runScript(ctx, flags.Arg(0), flags.Arg(1))
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case args[0] == "build":
		return s.build(ctx)
	case args[0] == "up":
		return s.up(ctx)
	}
	return fmt.Errorf("%q is no command; %s", args[0], usage)
}

func runScript(ctx context.Context, dir, script string) error {
	status, err := computehost.Client{Dir: dir}.Run(ctx, script, os.Stdin, os.Stdout)
	if err == nil && status != 0 {
		err = exitStatus(status)
	}
	return err
}

func (s settings) build(ctx context.Context) error {
	cloudHypervisor, err := computehost.CloudHypervisor()
	if err != nil {
		return fmt.Errorf("the host needs Cloud Hypervisor: %w", err)
	}
	dir, err := cache.Dir()
	if err != nil {
		return err
	}
	b := hostimage.Builder{
		Out: s.image, CacheDir: dir, CloudHypervisor: cloudHypervisor, Log: logrus.New(),
		InitrdInit: filepath.Join(s.bin, "initrd-init"),
		VMMD:       filepath.Join(s.bin, "host", "vmmd"),
		HostCtl:    filepath.Join(s.bin, "host", "hostctl"),
	}
	if err := b.Build(ctx); err != nil || computehost.ChooseAccel().KVM {
		return err
	}
	qemu := exec.CommandContext(ctx, "ci/host-qemu.sh")
	qemu.Stdout, qemu.Stderr = os.Stdout, os.Stderr
	if err := qemu.Run(); err != nil {
		return fmt.Errorf("build the QEMU that emulates the host: %w", err)
	}
	return nil
}

// up boots the host and stays until ctx is done or the host has ended.
func (s settings) up(ctx context.Context) (err error) {
	accel := computehost.ChooseAccel()
	fmt.Println("booting the compute host", accel.Reason)
	h, err := computehost.Boot(ctx, computehost.Config{
		Image: s.image, CPUs: s.cpus, MemoryMiB: s.memory, Accel: accel, QEMU: accel.QEMU("."), Console: os.Stderr,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close(context.WithoutCancel(ctx))) }()
	s.explain(h)
	select {
	case <-h.Done():
	case <-ctx.Done():
		fmt.Println("\npowering the compute host off")
	}
	return nil
}

func (s settings) explain(h *computehost.Host) {
	card := "unix://" + filepath.Join(h.Dir, "card.sock")
	fmt.Printf(`the compute host is up; its vmmd is at
  %[1]s
run the card against it, from another terminal:
  %[2]s/cardplaned --link '%[1]s' --listen %[3]s --data-dir %[4]s --guest %[5]s
look into the host:
  %[2]s/computehost run %[6]s 'ps; cat /run/vmmd.log' </dev/null
and run a program in a virtual machine of it:
  export CARDPLANE_HOST=%[3]s
  %[2]s/cardctl load build/images/python.tar
  %[2]s/cardctl run --rm demo/python python3 -c 'print(2**100)'
Ctrl-C powers it off.
`, h.Endpoint(), s.bin, card, filepath.Join(h.Dir, "card"), s.guest, h.Dir)
}
