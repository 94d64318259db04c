package host

import (
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/confine"
	"github.com/cardplane/cardplane/vmm/host/internal/network"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// CheckCgroups says why VMMs cannot have a cgroup of their own on this host,
// nil if they can.
func CheckCgroups() error { return procs.CheckCgroups() }

// LandlockABI returns the version of Landlock that this host's kernel has. The
// error says why there is none.
func LandlockABI() (int, error) { return confine.ABI() }

// CheckNetworks says why VMs of a daemon on that run directory get no
// networks, nil if they can. It changes nothing.
func CheckNetworks(runDir string) *hostapi.Capability { return network.Check(networkDir(runDir)) }

// CheckOutbound says why networks of VMs lack a way out, nil if they do not.
func CheckOutbound() *hostapi.Capability { return network.CheckOutbound() }

// UIDRange is a range of user ids for VMMs.
type UIDRange = procs.UIDRange

// ParseUIDRange reads "FIRST-LAST", or "none" for the zero range.
func ParseUIDRange(text string) (UIDRange, error) { return procs.ParseUIDRange(text) }

// SealFDs marks all descriptors that this process was started with
// close-on-exec, so that no VMM inherits one. A daemon calls it first.
func SealFDs() error { return procs.SealFDs() }
