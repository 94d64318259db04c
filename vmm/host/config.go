package host

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
)

// Program is a VMM of this host and whether it can be used.
type Program struct {
	// Info is what the card is told.
	Info hostapi.VMMInfo
	// Path is the executable; unused unless Info.Available.
	Path string
}

// Config is what a Server needs.
type Config struct {
	// RunDir holds what means nothing after a reboot: one directory a VM,
	// and a lock. Its path must be short, because unix sockets are in it.
	RunDir string
	// DataDir holds what stays: blobs, disks and the host's id.
	DataDir string
	// Version is the daemon's, shown to the card.
	Version string
	// Programs are the VMMs, in order of preference.
	Programs []Program
	// Checks runs the host checks.
	Checks func(ctx context.Context) []hostapi.Check
	// UIDs are the users that VMMs run as, one each. It needs root. The zero
	// range runs them as this process's user.
	UIDs UIDRange
	// UIDDir is where daemons of one host, whose ranges may overlap, claim
	// uids; /run/cardplane-uids if empty. Nothing is made there without UIDs.
	UIDDir string
	// Tun is the device through which VMMs open their network interfaces;
	// /dev/net/tun if empty.
	Tun string
	// Landlock confines VMMs to their own files, where the kernel can.
	Landlock bool
	// Cgroups asks for a cgroup a VM, where the host permits that.
	Cgroups bool
	// StartTimeout bounds the time until a VMM's API socket accepts; 30
	// seconds if zero.
	StartTimeout time.Duration
	// Step is called before each act that changes the host. Tests inject
	// faults and deaths with it; nil does nothing.
	Step func(op string) error
	Log  logrus.FieldLogger
}

const (
	defaultStartTimeout = 30 * time.Second
	defaultUIDDir       = "/run/cardplane-uids"
	// trimInterval bounds how far a guest can fill the host by writing to
	// its console: what it writes in this time.
	trimInterval = time.Second
)

func (c *Config) setDefaults() {
	if c.StartTimeout == 0 {
		c.StartTimeout = defaultStartTimeout
	}
	if c.UIDDir == "" {
		c.UIDDir = defaultUIDDir
	}
	if c.Tun == "" {
		c.Tun = network.TunDevice
	}
	if c.Checks == nil {
		c.Checks = func(context.Context) []hostapi.Check { return nil }
	}
	if c.Step == nil {
		c.Step = func(string) error { return nil }
	}
}
