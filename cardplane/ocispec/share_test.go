package ocispec_test

import (
	"slices"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
)

// In a sandbox a container has the machine's IPC, host name and /dev/shm, and
// processes, mounts and limits of its own.
func TestShared(t *testing.T) {
	spec, err := ocispec.Build(ocispec.Request{ID: "0123456789abcdef", Spec: cardplane.ContainerSpec{
		Command: []string{"true"}, Sandbox: "shop", Resources: cardplane.Resources{MemoryBytes: 64 << 20},
		Sysctls: map[string]string{"kernel.shmmax": "1"},
	}, Kernel: "6.12.0-test"})
	if err != nil {
		t.Fatal(err)
	}
	has := func(ns specs.LinuxNamespaceType) bool {
		return slices.ContainsFunc(spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == ns })
	}
	if has(specs.IPCNamespace) || has(specs.UTSNamespace) || !has(specs.PIDNamespace) || !has(specs.MountNamespace) || !has(specs.CgroupNamespace) {
		t.Errorf("namespaces %v", spec.Linux.Namespaces)
	}
	if spec.Hostname != "" || !slices.Contains(spec.Process.Env, "HOSTNAME=shop") || len(spec.Linux.Sysctl) != 0 {
		t.Errorf("host name %q, environment %v, parameters %v", spec.Hostname, spec.Process.Env, spec.Linux.Sysctl)
	}
	i := slices.IndexFunc(spec.Mounts, func(m specs.Mount) bool { return m.Destination == "/dev/shm" })
	if m := spec.Mounts[i]; m.Type != "bind" || m.Source != "/dev/shm" {
		t.Errorf("/dev/shm is %+v", m)
	}
	if m := spec.Linux.Resources.Memory; m == nil || *m.Limit != 64<<20 {
		t.Errorf("memory %+v", m)
	}
	_, machine := ocispec.Sysctls(cardplane.ContainerSpec{Sandbox: "shop", Sysctls: map[string]string{"kernel.shmmax": "1"}})
	if machine["kernel.hostname"] != "shop" || machine["kernel.shmmax"] != "1" {
		t.Errorf("parameters of the machine %v", machine)
	}
}
