package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/openapi/version"
	"github.com/cardplane/cardplane/vmm/doctor"
	"github.com/cardplane/cardplane/vmm/host"
	"github.com/cardplane/cardplane/vmm/kvm"
)

// gcPercent trades a little CPU for memory: most of what vmmd handles never
// enters its heap.
const gcPercent = 40

// Main is the program: flags in its fields, then Run.
type Main struct {
	Listen          []string
	RunDir, DataDir string
	// VMM is the kind that `auto` means, or auto to choose by what the
	// host has.
	VMM             string
	CHQemu          string
	CloudHypervisor string
	LogLevel        string
	// VMUIDs is the range of users that VMMs run as, or none.
	VMUIDs string
	// Landlock confines VMMs to their own files where the kernel can.
	Landlock bool
	// Doctor prints the checks instead of serving.
	Doctor bool
	// Out is where the checks are printed, Err the log.
	Out, Err io.Writer
	// Listening is called, if set, when all endpoints accept.
	Listening func()
}

// NewMain returns a Main with the defaults.
func NewMain() *Main {
	return &Main{
		Listen:          []string{"unix:///run/cardplane/vmmd.sock"},
		RunDir:          "/run/cardplane/vmmd",
		DataDir:         "/var/lib/cardplane/vmmd",
		VMM:             string(hostapi.VMMChoiceAuto),
		CHQemu:          defaultCHQemu(),
		CloudHypervisor: envOr("CARDPLANE_CLOUD_HYPERVISOR", "cloud-hypervisor"),
		LogLevel:        "info",
		VMUIDs:          defaultVMUIDs(),
		Landlock:        true,
		Out:             os.Stdout,
		Err:             os.Stderr,
	}
}

// ParseFlags reads the command line. pflag.ErrHelp means that help was asked
// for and given.
func (m *Main) ParseFlags(args []string) error {
	fs := pflag.NewFlagSet("vmmd", pflag.ContinueOnError)
	fs.SetOutput(m.Err)
	fs.StringArrayVar(&m.Listen, "listen", m.Listen, "endpoint, unix:///path, tcp://127.0.0.1:port, tls://address:port?cert=FILE&key=FILE&peer=FILE or vsock://:port; may be repeated")
	fs.StringVar(&m.RunDir, "run-dir", m.RunDir, "directory for what ends with this boot")
	fs.StringVar(&m.DataDir, "data-dir", m.DataDir, "directory for blobs and disks")
	fs.StringVar(&m.VMM, "vmm", m.VMM, "VMM to use: auto, cloud-hypervisor or ch-qemu")
	fs.StringVar(&m.CHQemu, "ch-qemu", m.CHQemu, "path of ch-qemu; by default beside vmmd, then in PATH")
	fs.StringVar(&m.CloudHypervisor, "cloud-hypervisor", m.CloudHypervisor, "path of cloud-hypervisor; also $CARDPLANE_CLOUD_HYPERVISOR")
	fs.StringVar(&m.VMUIDs, "vm-uids", m.VMUIDs, "users that VMMs run as, one each: FIRST-LAST, or none for vmmd's own")
	fs.BoolVar(&m.Landlock, "landlock", m.Landlock, "confine VMMs to their own files where the kernel can")
	fs.StringVar(&m.LogLevel, "log-level", m.LogLevel, "error, warn, info or debug")
	fs.Usage = func() {
		_, _ = fmt.Fprintf(m.Err, "Usage: vmmd [doctor] [flags]\n\nFlags:\n%s", fs.FlagUsages())
	}
	if len(args) > 0 && args[0] == "doctor" {
		m.Doctor, args = true, args[1:]
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%q is no command; vmmd takes flags, or doctor", fs.Arg(0))
	}
	return nil
}

// Run serves until ctx is done, or prints the checks. VMs run on after it.
func (m *Main) Run(ctx context.Context) (err error) {
	// All files are vmmd's own. VMMs are started with the same mask.
	syscall.Umask(0o077)
	debug.SetGCPercent(gcPercent)
	if err := host.SealFDs(); err != nil {
		return err
	}
	if m.Doctor {
		return m.printChecks(ctx)
	}
	log, err := m.newLog()
	if err != nil {
		return err
	}
	uids, err := m.vmUIDs()
	if err != nil {
		return err
	}
	programs, err := m.programs(ctx)
	if err != nil {
		return err
	}
	server, err := host.New(host.Config{
		RunDir: m.RunDir, DataDir: m.DataDir, Version: version.Release,
		Programs: programs,
		UIDs:     uids,
		Landlock: m.Landlock,
		Checks:   func(ctx context.Context) []hostapi.Check { return doctor.Run(ctx, m.doctorConfig()) },
		Cgroups:  true,
		Log:      log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return m.serve(ctx, server, log)
}

// serve answers on all endpoints until ctx is done or one of them fails.
func (m *Main) serve(ctx context.Context, server *host.Server, log logrus.FieldLogger) error {
	var listeners []net.Listener
	for _, endpoint := range m.Listen {
		l, err := host.Listen(endpoint)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return err
		}
		listeners = append(listeners, l)
	}
	log.WithFields(logrus.Fields{"listen": m.Listen, "version": version.Release}).Info("vmmd serves")
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error { return server.Serve(l) })
	}
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	if m.Listening != nil {
		m.Listening()
	}
	return group.Wait()
}

// programs returns the host's VMMs, the one that was asked for first.
func (m *Main) programs(ctx context.Context) ([]host.Program, error) {
	choice := hostapi.VMMChoice(m.VMM)
	if !choice.Valid() {
		return nil, fmt.Errorf("--vmm %q is no VMM; give auto, cloud-hypervisor or ch-qemu", m.VMM)
	}
	var first, rest []host.Program
	for _, v := range doctor.VMMs(ctx, m.doctorConfig()) {
		p := host.Program{Info: v.Info, Path: v.Path}
		if string(v.Info.Kind) != m.VMM {
			rest = append(rest, p)
			continue
		}
		if !v.Info.Available {
			return nil, fmt.Errorf("--vmm %s cannot be used: %s; run `vmmd doctor`", m.VMM, v.Info.Reason)
		}
		first = append(first, p)
	}
	return append(first, rest...), nil
}

// rangeForVMs is the default of --vm-uids: above the ids of users, of
// directory services and of user namespaces as they are commonly given.
const rangeForVMs = "2000000000-2000065535"

// defaultVMUIDs is a range for root, who alone can change users.
func defaultVMUIDs() string {
	if os.Geteuid() == 0 {
		return rangeForVMs
	}
	return host.UIDRange{}.String()
}

func (m *Main) vmUIDs() (host.UIDRange, error) {
	uids, err := host.ParseUIDRange(m.VMUIDs)
	if err != nil {
		return uids, fmt.Errorf("--vm-uids: %w", err)
	}
	if uids != (host.UIDRange{}) && os.Geteuid() != 0 {
		return uids, fmt.Errorf("--vm-uids %s: vmmd runs as uid %d, and only root can give VMs users of their own; run vmmd as root, or give --vm-uids none", m.VMUIDs, os.Geteuid())
	}
	return uids, nil
}

// describeUsers tells the users that VMMs get, for the checks.
func (m *Main) describeUsers() (string, error) {
	uids, err := m.vmUIDs()
	if err != nil {
		return "", err
	}
	if err := host.CheckUsers(uids, m.RunDir, m.DataDir); err != nil {
		return "", err
	}
	return fmt.Sprintf("each VMM runs as a user of its own, of %s", uids), nil
}

func (m *Main) landlockABI() (int, error) {
	if !m.Landlock {
		return 0, errors.New("--landlock=false")
	}
	return host.LandlockABI()
}

func (m *Main) doctorConfig() doctor.Config {
	return doctor.Config{
		KVM:             kvm.Usable,
		Users:           m.describeUsers,
		Cgroups:         host.CheckCgroups,
		Landlock:        m.landlockABI,
		HugePages:       host.HugePages,
		Networks:        func() *hostapi.Capability { return host.CheckNetworks(m.RunDir) },
		Outbound:        host.CheckOutbound,
		CloudHypervisor: m.CloudHypervisor,
		CHQemu:          m.CHQemu,
		QEMU:            "qemu-system-x86_64",
		RunDir:          m.RunDir,
		DataDir:         m.DataDir,
	}
}

// printChecks prints the checks for people. The error says that one failed.
func (m *Main) printChecks(ctx context.Context) error {
	checks := doctor.Run(ctx, m.doctorConfig())
	for _, c := range checks {
		if _, err := fmt.Fprintf(m.Out, "%-5s %-17s %s\n", c.Status, c.Name, c.Detail); err != nil {
			return err
		}
		if c.Remedy == "" {
			continue
		}
		if _, err := fmt.Fprintf(m.Out, "%23s → %s\n", "", c.Remedy); err != nil {
			return err
		}
	}
	if doctor.Failed(checks) {
		return errors.New("this host cannot run VMs yet; mend what has failed above")
	}
	return nil
}

func (m *Main) newLog() (*logrus.Logger, error) {
	level, err := logrus.ParseLevel(m.LogLevel)
	if err != nil {
		return nil, fmt.Errorf("--log-level %q is no level; give error, warn, info or debug", m.LogLevel)
	}
	log := logrus.New()
	log.SetOutput(m.Err)
	log.SetLevel(level)
	return log, nil
}

// defaultCHQemu is the ch-qemu beside this executable, or the one in PATH.
func defaultCHQemu() string {
	self, err := os.Executable()
	if err == nil {
		beside := filepath.Join(filepath.Dir(self), "ch-qemu")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return "ch-qemu"
}

func envOr(name, byDefault string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return byDefault
}
