package cardplane

import (
	"encoding/json"
	"time"
)

// Defaults and bounds of a container's options.
const (
	// DefaultStopTimeout is the grace period of a container that names none.
	DefaultStopTimeout = 10 * time.Second
	// MaxStopSeconds bounds the grace period, in seconds.
	MaxStopSeconds = 86400
	// DefaultShmBytes is the size limit of /dev/shm.
	DefaultShmBytes = 64 << 20
	// MinTmpfsBytes is the least that a file system in memory can have, a page.
	MinTmpfsBytes = 4096
	// MaxFiles is the most open files that a guest's kernel lets a process have.
	MaxFiles = 1 << 20
	// NoLimit as a Ulimit's value is no limit.
	NoLimit = -1
)

// StopTimeout returns the grace period of a stop that names none.
func (s ContainerSpec) StopTimeout() time.Duration {
	if s.StopSeconds == nil {
		return DefaultStopTimeout
	}
	return time.Duration(*s.StopSeconds) * time.Second
}

// HostEntry is a line of /etc/hosts.
type HostEntry struct {
	Name string
	// Address is an IPv4 or IPv6 address.
	Address string
}

// Tmpfs is a file system in the virtual machine's memory, empty at each start.
type Tmpfs struct {
	// Path is where it is mounted: absolute, and nothing of /proc or /sys.
	Path string
	// SizeBytes limits it, from MinTmpfsBytes; 0 means half of the memory.
	SizeBytes int64
	// Mode is the permissions of its root in octal; empty means "1777".
	Mode string
	// UID and GID own its root.
	UID, GID uint32
	ReadOnly bool
	// Exec lets programs in it be executed, and SUID their set-user-id bits
	// count.
	Exec, SUID bool
}

// Ulimit is a limit of each process of a container (setrlimit(2)).
type Ulimit struct {
	// Name is RLIMIT_'s in lower case, such as nofile.
	Name string
	// Soft is at most Hard. NoLimit is more than any number.
	Soft, Hard int64
}

// SeccompMode says which system calls a container may make.
type SeccompMode string

// The seccomp modes.
const (
	// SeccompDefault is Docker's default profile. It is also "".
	SeccompDefault SeccompMode = "default"
	// SeccompUnconfined is all system calls.
	SeccompUnconfined SeccompMode = "unconfined"
)

// Security is what a container's processes may ask of the guest's kernel. The
// virtual machine is the boundary between containers in any case.
type Security struct {
	// Privileged gives all capabilities and device numbers, /proc and /sys
	// whole and writable, and no seccomp profile but SeccompProfile.
	Privileged bool
	// CapAdd and CapDrop change Docker's default capabilities: names with or
	// without CAP_ and in any case, or ALL.
	CapAdd, CapDrop []string
	// NoNewPrivileges keeps programs from gaining privileges by being
	// executed.
	NoNewPrivileges bool
	Seccomp         SeccompMode
	// SeccompProfile, in Docker's JSON format, takes the place of the default.
	SeccompProfile json.RawMessage
}
