package chqemu

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/chapi"
	"github.com/cardplane/cardplane/vmm/chqemu/qmp"
	"github.com/cardplane/cardplane/vmm/chvmm"
)

// Binary is the program that is looked up in PATH.
const Binary = "qemu-system-x86_64"

// MinVersion is the lowest major version of QEMU that is used. Version 7's
// translator corrupts flags now and then, and guests panic.
const MinVersion = 10

// remedy is the end of every message about a QEMU that is missing or too old.
const remedy = "on Debian 12: apt-get install qemu-system-x86/bookworm-backports"

// VsockDevice is a running vhost-user-vsock back-end.
type VsockDevice interface {
	// Serve runs the device until Close is called or ctx is done.
	Serve(ctx context.Context) error
	// Close ends Serve and removes both sockets.
	Close() error
}

// VsockListener makes the back-end of a vsock device: it binds vhostSocket,
// to which QEMU connects, and hybridSocket, to which programs of the host do.
type VsockListener func(vhostSocket, hybridSocket string, cid uint32) (VsockDevice, error)

// Platform makes machines out of QEMU processes.
type Platform struct {
	// Vsock makes vsock back-ends. Required.
	Vsock VsockListener
	// Sandbox confines QEMU with its seccomp filter.
	Sandbox bool
	// Log is required.
	Log logrus.FieldLogger
}

var _ chvmm.Platform = (*Platform)(nil)

// Check implements [chvmm.Platform] with the table of unsupported.go.
func (p *Platform) Check(cfg *chapi.VmConfig) error { return check(cfg) }

// Start implements [chvmm.Platform].
func (p *Platform) Start(ctx context.Context, cfg *chapi.VmConfig, consoles chvmm.Consoles) (chvmm.Machine, error) {
	return p.run(ctx, cfg, consoles, nil, chvmm.Snapshot{})
}

// run makes a machine, a new one or the saved one.
func (p *Platform) run(ctx context.Context, cfg *chapi.VmConfig, consoles chvmm.Consoles, saved *savedState, from chvmm.Snapshot) (chvmm.Machine, error) {
	binary, err := exec.LookPath(Binary)
	if err != nil {
		return nil, &chvmm.NotSupported{Feature: "booting", Reason: Binary + " is not in PATH; " + remedy}
	}
	conn, theirs, err := monitorPair()
	if err != nil {
		return nil, err
	}
	defer func() { _ = theirs.Close() }()
	m := newMachine(p, cfg)
	load := m.settle
	if saved != nil {
		m.become(saved)
		load = func(ctx context.Context) error { return m.load(ctx, from) }
	}
	inv := argvOf(cfg, consoles, theirs, p.Sandbox, saved)
	p.Log.WithField("argv", shell(binary, inv.args)).Debug("starting qemu")
	if err := m.start(ctx, binary, inv, conn, load); err != nil {
		return nil, err
	}
	return m, nil
}

// startFault turns QEMU's last words into the error of a start.
func startFault(err, evidence error) error {
	if strings.Contains(evidence.Error(), "Is another process using the") {
		return chvmm.NewFault("Error locking disk images: Another instance likely holds a lock", evidence)
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return chvmm.NewFault("Error initializing VM", err)
	}
	return chvmm.NewFault("Error initializing VM", evidence)
}

// checkVersion refuses a QEMU whose translator is known to break guests.
func checkVersion(v qmp.Version) error {
	if v.Major >= MinVersion {
		return nil
	}
	return &chvmm.NotSupported{Feature: "booting", Reason: "QEMU " + v.String() + " is too old, 10 or later is needed; " + remedy}
}

// shell renders a command so that it can be pasted.
func shell(binary string, args []string) string {
	words := []string{binary}
	for _, arg := range args {
		if strings.ContainsAny(arg, " \t\n'\"$\\;&|()<>*?[]{}~#`!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
