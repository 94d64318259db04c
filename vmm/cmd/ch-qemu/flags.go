package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// errShown tells that --help or --version has been answered.
var errShown = errors.New("shown")

// vmFlags are the options with which Cloud Hypervisor boots a VM from the
// command line. Here a VM comes through the API only.
var vmFlags = []string{
	"balloon", "cmdline", "console", "cpus", "debug-console", "device", "disk", "firmware", "fs",
	"generic-vhost-user", "initramfs", "kernel", "memory", "memory-zone", "net", "numa",
	"pci-segment", "platform", "pmem", "rate-limit-group", "restore", "rng", "rtc", "serial",
	"tpm", "user-device", "vdpa", "vsock",
}

// vmSwitches are those of them that take no value, and "landlock".
var vmSwitches = []string{"pvpanic", "watchdog", "landlock"}

// refused is the value of an option that is known and not supported.
type refused struct{ name, reason string }

func (refused) String() string     { return "" }
func (refused) Type() string       { return "string" }
func (r refused) Set(string) error { return fmt.Errorf("not supported: --%s: %s", r.name, r.reason) }

// ParseFlags reads Cloud Hypervisor's command line.
func (m *Main) ParseFlags(args []string) error {
	fs := pflag.NewFlagSet("ch-qemu", pflag.ContinueOnError)
	fs.SetOutput(os.Stdout)
	version := fs.BoolP("version", "V", false, "print the version")
	fs.StringVar(&m.APISocket, "api-socket", "", "API socket: <path>, path=<path> or fd=<n>")
	fs.StringVar(&m.EventMonitor, "event-monitor", "", "events as JSON: path=<path> or fd=<n>")
	fs.StringVar(&m.LogFile, "log-file", "", "log to this file instead of standard error")
	fs.String("log-format", "", "accepted and without effect")
	fs.CountVarP(&m.Verbosity, "verbose", "v", "log more: info, debug, trace")
	fs.StringVar(&m.Seccomp, "seccomp", m.Seccomp, "confine QEMU: true, false, log or errno")
	fs.BoolVar(&m.NoShutdown, "no-shutdown", false, "stay when the guest powers off")
	addRefused(fs)
	if err := fs.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return errShown
	} else if err != nil {
		return err
	}
	if *version {
		fmt.Printf("ch-qemu v%s\n", apiVersion)
		return errShown
	}
	return m.checkFlags(fs.Args())
}

func addRefused(fs *pflag.FlagSet) {
	for _, name := range slices.Concat(vmFlags, vmSwitches, []string{"landlock-rules"}) {
		reason := "create the VM through the API"
		if strings.HasPrefix(name, "landlock") {
			reason = "the guest runs in a child process; confine this process from outside"
		}
		f := fs.VarPF(refused{name, reason}, name, "", "not supported")
		f.Hidden = true
		if slices.Contains(vmSwitches, name) {
			f.NoOptDefVal = "on"
		}
	}
}

func (m *Main) checkFlags(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if m.APISocket == "" {
		return errors.New("--api-socket is missing")
	}
	if !slices.Contains([]string{"true", "false", "log", "errno"}, m.Seccomp) {
		return fmt.Errorf("--seccomp %q: use true, false, log or errno", m.Seccomp)
	}
	return nil
}
