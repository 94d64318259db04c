package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/chqemu"
	"github.com/cardplane/cardplane/vmm/chvmm"
	"github.com/cardplane/cardplane/vmm/vhostvsock"
)

// apiVersion is the version of Cloud Hypervisor whose behaviour this program
// has.
const apiVersion = "53.0.0"

// Main is the program: flags, then Run.
type Main struct {
	// APISocket is the argument of --api-socket. Required.
	APISocket string
	// EventMonitor is the argument of --event-monitor, or "".
	EventMonitor string
	// LogFile is the path of the log, or "" for standard error.
	LogFile string
	// Verbosity is the number of -v: info, debug, trace.
	Verbosity int
	// Seccomp is true, false, log or errno.
	Seccomp string
	// NoShutdown keeps the VMM when the guest powers itself off.
	NoShutdown bool
}

// NewMain returns a Main with the defaults of the command line.
func NewMain() *Main { return &Main{Seccomp: "true"} }

// Run serves until the VMM is shut down or ctx is done, which both is an
// orderly end.
func (m *Main) Run(ctx context.Context) (err error) {
	unix.Umask(0o077)
	log, closeLog, err := m.openLog()
	if err != nil {
		return err
	}
	defer func() { _ = closeLog() }()
	var monitor *chvmm.Monitor
	if m.EventMonitor != "" {
		if monitor, err = chvmm.OpenMonitor(m.EventMonitor); err != nil {
			return err
		}
	}
	listener, err := chvmm.ListenAPI(m.APISocket)
	if err != nil {
		return err
	}
	v := chvmm.New(chvmm.Config{
		Platform:     &chqemu.Platform{Vsock: vsockListener(log), Sandbox: m.sandbox(log), Log: log},
		Monitor:      monitor,
		Version:      apiVersion,
		BuildVersion: "ch-qemu-v" + apiVersion,
		Features:     []string{"tcg"},
		NoShutdown:   m.NoShutdown,
		Log:          log,
	})
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := chvmm.Serve(ctx, listener, v, log); err != nil {
		return err
	}
	if err := v.Shutdown(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return v.Err()
}

// vsockListener gives the platform our own vhost-user-vsock device.
func vsockListener(log logrus.FieldLogger) chqemu.VsockListener {
	return func(vhostSocket, hybridSocket string, cid uint32) (chqemu.VsockDevice, error) {
		return vhostvsock.Listen(vhostvsock.Config{
			VhostSocket:  vhostSocket,
			HybridSocket: hybridSocket,
			GuestCID:     uint64(cid),
			Log:          log,
		})
	}
}

// sandbox says whether QEMU's filter is used. It has no mode that only logs.
func (m *Main) sandbox(log logrus.FieldLogger) bool {
	if m.Seccomp == "log" {
		log.Warn("--seccomp log: qemu's filter cannot only log; it is off")
	}
	return m.Seccomp == "true" || m.Seccomp == "errno"
}

func (m *Main) openLog() (logrus.FieldLogger, func() error, error) {
	levels := []logrus.Level{logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel, logrus.TraceLevel}
	log := logrus.New()
	log.SetLevel(levels[min(m.Verbosity, len(levels)-1)])
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	log.SetOutput(io.Writer(os.Stderr))
	if m.LogFile == "" {
		return log, func() error { return nil }, nil
	}
	f, err := os.Create(m.LogFile)
	if err != nil {
		return nil, nil, fmt.Errorf("log file: %w", err)
	}
	log.SetOutput(f)
	return log, f.Close, nil
}
