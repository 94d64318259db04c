package ocispec

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
)

// defaultTmpfsMode is the permissions of a tmpfs's root, as in /tmp.
const defaultTmpfsMode = "1777"

// mountsFor returns the mounts of a container: those of every one, /dev/shm in
// its size, and its tmpfs, which take the place of what is mounted there and
// come in an order in which none hides another.
func mountsFor(spec cardplane.ContainerSpec) []specs.Mount {
	all := mounts(cmp.Or(spec.ShmBytes, cardplane.DefaultShmBytes))
	extra := slices.Clone(spec.Tmpfs)
	slices.SortStableFunc(extra, func(a, b cardplane.Tmpfs) int { return strings.Count(a.Path, "/") - strings.Count(b.Path, "/") })
	for _, t := range extra {
		all = slices.DeleteFunc(all, func(m specs.Mount) bool { return m.Destination == t.Path })
		all = append(all, tmpfsMount(t))
	}
	return all
}

func tmpfsMount(t cardplane.Tmpfs) specs.Mount {
	options := []string{"nodev", "mode=" + cmp.Or(t.Mode, defaultTmpfsMode)}
	option := func(set bool, name string) {
		if set {
			options = append(options, name)
		}
	}
	option(!t.Exec, "noexec")
	option(!t.SUID, "nosuid")
	option(t.ReadOnly, "ro")
	option(t.SizeBytes > 0, fmt.Sprintf("size=%d", t.SizeBytes))
	option(t.UID > 0, fmt.Sprintf("uid=%d", t.UID))
	option(t.GID > 0, fmt.Sprintf("gid=%d", t.GID))
	return specs.Mount{Destination: t.Path, Type: "tmpfs", Source: "tmpfs", Options: options}
}

// rlimits are the defaults and the container's own.
func rlimits(ulimits []cardplane.Ulimit) []specs.POSIXRlimit {
	files := cardplane.Ulimit{Name: "nofile", Soft: cardplane.MaxFiles, Hard: cardplane.MaxFiles}
	if !slices.ContainsFunc(ulimits, func(u cardplane.Ulimit) bool { return u.Name == files.Name }) {
		ulimits = append([]cardplane.Ulimit{files}, ulimits...)
	}
	limits := make([]specs.POSIXRlimit, 0, len(ulimits))
	for _, u := range ulimits {
		limits = append(limits, specs.POSIXRlimit{
			Type: "RLIMIT_" + strings.ToUpper(u.Name), Soft: limitValue(u.Soft), Hard: limitValue(u.Hard),
		})
	}
	return limits
}

func limitValue(n int64) uint64 {
	if n == cardplane.NoLimit {
		return math.MaxUint64 // RLIM_INFINITY
	}
	return uint64(n)
}

// ipcSysctls are parameters of the IPC namespace, which a container has for
// itself. An entry that ends with a dot stands for all below it.
var ipcSysctls = []string{
	"fs.mqueue.", "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
	"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
}

// Sysctls divides kernel parameters into those of the container's namespaces,
// which are the runtime's to set, and those of its whole machine. In a sandbox
// all are the machine's, and so is the host name.
func Sysctls(spec cardplane.ContainerSpec) (own, machine map[string]string) {
	own, machine = map[string]string{}, map[string]string{}
	if spec.Sandbox != "" {
		machine["kernel.hostname"] = spec.Sandbox
	}
	for name, value := range spec.Sysctls {
		if spec.Sandbox == "" && slices.ContainsFunc(ipcSysctls, func(s string) bool {
			return name == s || strings.HasSuffix(s, ".") && strings.HasPrefix(name, s)
		}) {
			own[name] = value
		} else {
			machine[name] = value
		}
	}
	return own, machine
}

// Files returns the small files that every container has beside its image's,
// by path: its host name, the names that it can look up without asking, and
// whom it asks for others. addresses are its own.
func Files(hostname string, hosts []cardplane.HostEntry, addresses []string) map[string]string {
	local := "localhost"
	if len(addresses) == 0 {
		local += " " + hostname
	}
	text := "127.0.0.1\t" + local + "\n::1\tlocalhost ip6-localhost ip6-loopback\n"
	for _, h := range hosts {
		text += h.Address + "\t" + h.Name + "\n"
	}
	for _, address := range addresses {
		text += address + "\t" + hostname + "\n"
	}
	return map[string]string{"/etc/hostname": hostname + "\n", "/etc/hosts": text, "/etc/resolv.conf": resolvConf}
}

// resolvConf leads to the resolver in the guest.
const resolvConf = "nameserver 127.0.0.11\noptions ndots:0\n"
