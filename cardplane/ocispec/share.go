package ocispec

import (
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
)

// guestShm is where the guest's root has the /dev/shm that the containers of a
// sandbox share.
const guestShm = "/dev/shm"

// share makes spec that of a container in a machine with others: it has the
// machine's IPC and host name, a /dev/shm with them, and a memory limit of its
// own.
func share(spec *specs.Spec, c cardplane.ContainerSpec) {
	spec.Hostname = ""
	spec.Linux.Namespaces = slices.DeleteFunc(spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool {
		return n.Type == specs.IPCNamespace || n.Type == specs.UTSNamespace
	})
	for i, m := range spec.Mounts {
		if m.Destination == "/dev/shm" && m.Source == "shm" {
			spec.Mounts[i] = specs.Mount{Destination: m.Destination, Type: "bind", Source: guestShm, Options: []string{"bind", "nosuid", "noexec", "nodev"}}
		}
	}
	if limit := c.Resources.MemoryBytes; limit > 0 {
		spec.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &limit}
	}
}
