package host

import "github.com/cardplane/cardplane/vmm/host/internal/procs"

// CheckCgroups says why VMMs cannot have a cgroup of their own on this host,
// nil if they can.
func CheckCgroups() error { return procs.CheckCgroups() }

// SealFDs marks all descriptors that this process was started with
// close-on-exec, so that no VMM inherits one. A daemon calls it first.
func SealFDs() error { return procs.SealFDs() }
