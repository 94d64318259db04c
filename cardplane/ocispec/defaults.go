package ocispec

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// namespaces are the container's own. The network is the sandbox's.
func namespaces() []specs.LinuxNamespace {
	return []specs.LinuxNamespace{
		{Type: specs.PIDNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace},
		{Type: specs.MountNamespace},
		{Type: specs.CgroupNamespace},
	}
}

// mounts are those of OCI runtime-spec config-linux.md "Default Filesystems"
// and Docker's /dev/shm, limited to shmBytes, and /dev/mqueue.
func mounts(shmBytes int64) []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup2", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", shmBytes)}},
	}
}

// deviceRules allow the devices that every container has (config-linux.md
// "Default Devices"), terminals, and making device nodes without using them.
func deviceRules() []specs.LinuxDeviceCgroup {
	number := func(n int64) *int64 { return &n }
	char := func(major, minor *int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: major, Minor: minor, Access: access}
	}
	return []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"},
		char(nil, nil, "m"),
		{Allow: true, Type: "b", Access: "m"},
		char(number(1), number(3), "rwm"),   // null
		char(number(1), number(5), "rwm"),   // zero
		char(number(1), number(7), "rwm"),   // full
		char(number(1), number(8), "rwm"),   // random
		char(number(1), number(9), "rwm"),   // urandom
		char(number(5), number(0), "rwm"),   // tty
		char(number(5), number(1), "rwm"),   // console
		char(number(5), number(2), "rwm"),   // ptmx
		char(number(136), nil, "rwm"),       // pts
		char(number(10), number(200), "rw"), // tun, of use only with CAP_NET_ADMIN
	}
}

// maskedPaths and readonlyPaths are Docker's.
func maskedPaths() []string {
	return []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		"/sys/devices/virtual/powercap",
	}
}

func readonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
