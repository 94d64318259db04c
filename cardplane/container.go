package cardplane

import (
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// ContainerSpec is what a user asks for. After Create only Rename and Update
// change it.
type ContainerSpec struct {
	// Image is the reference, id or unique id prefix as the user gave it.
	Image string
	// Name is unique among containers; Create makes one up when it is empty.
	Name string
	// Entrypoint replaces the image's entrypoint and drops its command.
	// Nil keeps the image's.
	Entrypoint []string
	// Command replaces the image's command. Nil keeps the image's.
	Command []string
	// Env is added to the image's environment and wins over it.
	Env map[string]string
	// WorkingDir is absolute; empty keeps the image's.
	WorkingDir string
	// User is "name", "uid", "name:group" or "uid:gid"; empty keeps the image's.
	User string
	// Sandbox is the sandbox whose machine it runs in: an id, a unique prefix of
	// one, or a name, which it is in a container that was created. Empty gives
	// each run a machine of its own.
	Sandbox string `json:",omitempty"`
	// Hostname is the UTS host name; empty means the first 12 digits of the id,
	// or the sandbox's name, which is the only one there.
	Hostname string
	// Labels are the user's and mean nothing to Cardplane.
	Labels map[string]string
	// Resources sizes the container's virtual machine, or limits the container
	// in its sandbox.
	Resources Resources
	// ReadOnlyRoot leaves out the writable layer.
	ReadOnlyRoot bool
	// TTY gives the process a terminal as stdin, stdout and stderr.
	TTY bool
	// Stdin keeps stdin open for an attach; otherwise it reads as empty.
	Stdin bool
	// TerminalSize is the terminal's first size; the zero value means 24x80.
	TerminalSize TerminalSize
	// AutoRemove removes the container once it has ended.
	AutoRemove bool
	// StopSignal is a name or number; empty keeps the image's, else SIGTERM.
	StopSignal string
	// StopSeconds is the grace period of a stop that names none, 0 to
	// MaxStopSeconds; nil means DefaultStopTimeout.
	StopSeconds *int `json:",omitempty"`
	// Restart says whether it is started again after its end.
	Restart RestartPolicy `json:",omitzero"`
	// Healthcheck says how its health is found out; nil is as the image says.
	// In a container that was created nil is without.
	Healthcheck *Healthcheck `json:",omitempty"`
	// Logs says what is kept of its output.
	Logs LogPolicy
	// Annotations are the OCI runtime's to read.
	Annotations map[string]string `json:",omitempty"`
	// Groups are further groups of the first process, names of the image or
	// numbers.
	Groups []string `json:",omitempty"`
	// Init runs the program under a small init that passes signals on and
	// reaps orphans.
	Init bool `json:",omitempty"`
	// Hosts are added to /etc/hosts.
	Hosts []HostEntry `json:",omitempty"`
	// ShmBytes limits /dev/shm, from MinTmpfsBytes; 0 means DefaultShmBytes.
	ShmBytes int64 `json:",omitempty"`
	// Tmpfs are mounted beside the root file system.
	Tmpfs []Tmpfs `json:",omitempty"`
	// Ulimits are the limits of each process, each name once.
	Ulimits []Ulimit `json:",omitempty"`
	// Sysctls are parameters of the guest's kernel by name, which is the
	// container's own.
	Sysctls map[string]string `json:",omitempty"`
	// Security is what it may ask of the guest's kernel.
	Security Security `json:",omitzero"`
	// Volumes are mounted into it, MaxVolumeMounts at most.
	Volumes []VolumeMount `json:",omitempty"`
	// Configs and Secrets are files of it, MaxContentMounts of each at most.
	Configs []ContentMount `json:",omitempty"`
	Secrets []ContentMount `json:",omitempty"`
	// Networks are those that it is on, MaxNICs at most; the first one leads
	// out. Nil means DefaultNetwork, or none where the host has no networks; an
	// empty list is none.
	Networks []NIC `json:",omitzero"`
	// Ports are published over the first network, MaxPorts at most.
	Ports []Port `json:",omitempty"`
}

// LogPolicy says what is kept of a container's output. The newest Files files
// of FileBytes are, so that no container can fill the card's disk.
type LogPolicy struct {
	// DropWhenFull drops the oldest output instead of blocking the program
	// when the control plane is away and the guest's buffer is full.
	DropWhenFull bool
	// FileBytes bounds a file, MinLogFileBytes to MaxLogFileBytes, in bytes; 0
	// means DefaultLogFileBytes.
	FileBytes int64
	// Files is how many files are kept, 1 to MaxLogFiles; 0 means
	// DefaultLogFiles.
	Files int
}

// Defaults and bounds of LogPolicy.
const (
	DefaultLogFileBytes = 20 << 20
	MinLogFileBytes     = 64 << 10
	MaxLogFileBytes     = 1 << 40
	DefaultLogFiles     = 5
	MaxLogFiles         = 1000
)

// Defaults and bounds of Resources.
const (
	DefaultVCPUs        = 1
	MaxVCPUs            = 64
	DefaultMemoryBytes  = 256 << 20
	MinMemoryBytes      = 64 << 20
	DefaultStorageBytes = 10 << 30
	MinStorageBytes     = 64 << 20
	MaxStorageBytes     = 1 << 40
	MaxPids             = 4 << 20
	// MinMemoryLimit is the least MemoryBytes of a container in a sandbox.
	MinMemoryLimit = 6 << 20
)

// Resources sizes a virtual machine. A zero field means its default. In a
// sandbox VCPUs, HugePages and CPUSet must be zero, and MemoryBytes limits the
// container alone: at least MinMemoryLimit, 0 for no limit.
type Resources struct {
	// VCPUs is the number of virtual CPUs, 1 to MaxVCPUs.
	VCPUs int
	// MemoryBytes is the virtual machine's memory, the guest kernel's share
	// included, at least MinMemoryBytes.
	MemoryBytes int64
	// HugePages backs the memory by huge pages of the compute host.
	HugePages bool `json:",omitempty"`
	// CPUSet names the CPUs of the compute host that the virtual CPUs may run
	// on, as ParseCPUSet reads it; empty means all.
	CPUSet string `json:",omitempty"`
	// StorageBytes limits the writable layer, MinStorageBytes to
	// MaxStorageBytes. The layer is sparse.
	StorageBytes int64
	// PidsLimit is how many processes and threads the container may have, up
	// to MaxPids; 0 means any number.
	PidsLimit int64 `json:",omitempty"`
}

// ContainerUpdate is what Update changes. Nil leaves a part as it is.
type ContainerUpdate struct {
	// Labels are set, or removed where they are nil.
	Labels map[string]*string
	// Restart is the new restart policy.
	Restart *RestartPolicy
	// VCPUs, MemoryBytes and PidsLimit are as in Resources.
	VCPUs                  *int
	MemoryBytes, PidsLimit *int64
}

// TerminalSize is the size of a terminal in characters.
type TerminalSize struct {
	Rows, Cols uint16
}

// Container is a container as it stands.
type Container struct {
	// ID is 32 hexadecimal digits.
	ID string
	// Name is unique among containers.
	Name string
	// SandboxID names the virtual machine of the present or last run, which it
	// shares with others where Spec.Sandbox is set.
	SandboxID string
	// ImageID is the image that Spec.Image meant at Create: "sha256:<hex>".
	ImageID string
	Spec    ContainerSpec
	State   State
	// Reason says what a container in a transient state waits for, and any
	// active one while the compute host cannot be reached.
	Reason    string
	CreatedAt time.Time
	// StartedAt and FinishedAt belong to the present or last run and are zero
	// before.
	StartedAt, FinishedAt time.Time
	// ExitCode is the program's, 128+n when signal n ended it. It means
	// something in state Exited only.
	ExitCode int
	// Pending names the fields of Spec.Resources, as the API has them, whose
	// values count from the next start on.
	Pending []string `json:",omitempty"`
	// EndReason says how the latest run has ended, Signal which signal has
	// ended it where one did. Both are zero before.
	EndReason EndReason `json:",omitempty"`
	Signal    int       `json:",omitempty"`
	// OOMKilled tells that the guest's kernel killed a process of the
	// container for lack of memory.
	OOMKilled bool
	// Health is nil where there is no health check, and before the first start.
	Health *Health `json:",omitempty"`
	// Interfaces are those of the present or last run, Ports what it publishes.
	// NetworkReason says why there are none although none were asked for, or why
	// they are in user mode.
	Interfaces    []Interface `json:",omitempty"`
	Ports         []Port      `json:",omitempty"`
	NetworkReason string      `json:",omitempty"`
	// RestartCount is how often its restart policy has started it again since
	// somebody has started it.
	RestartCount int `json:",omitempty"`
	// Error says why a container is Failed, or Restarting for that. It is nil
	// otherwise.
	Error *apierr.Error
	Guest *GuestInfo
	// Timings are the steps of the last start, in order.
	Timings []Timing
	// Revision differs whenever anything else of the container does. Create,
	// Get and Rename fill it in.
	Revision string `json:"-"`
}

// GuestInfo describes the virtual machine of a run.
type GuestInfo struct {
	// Kernel is the guest's kernel release.
	Kernel string
	// BootID is the guest kernel's boot id; it differs in every boot.
	BootID string
	// VMM is the virtual machine monitor, as vmmd names it.
	VMM string
	// AgentVersion is the guest agent's version.
	AgentVersion string
}

// Timing is how long one step of a start took.
type Timing struct {
	Step     string
	Duration time.Duration
}

// WaitCondition is what Wait waits for.
type WaitCondition string

// The conditions of Wait.
const (
	// WaitNotRunning is the container's end for good, after which no policy
	// starts it again; with AutoRemove it is its removal. It is also "".
	WaitNotRunning WaitCondition = "not-running"
	// WaitNextExit is its next end, also one after which it is started again.
	WaitNextExit WaitCondition = "next-exit"
	// WaitRemoved is its removal.
	WaitRemoved WaitCondition = "removed"
	// WaitHealthy is the success of its health check. It fails with
	// no_healthcheck, and with container_not_running once the container has
	// ended for good.
	WaitHealthy WaitCondition = "healthy"
)

// PruneFilter selects containers, images, volumes, sandboxes or content in Prune.
type PruneFilter struct {
	// Labels are as in ContainerFilter.
	Labels []string
	// Until leaves out what was not created before it, unless it is zero.
	Until time.Time
}

// Pruned says what Prune has removed.
type Pruned struct {
	// IDs are what is gone, in order of creation: ids of containers and
	// images, names of all else.
	IDs []string
	// Bytes is what that took: of images on the card's disk, of containers
	// their logs there and their writable layers on the compute host, of
	// volumes their disks there, as far as that could be asked, and of content its
	// length.
	Bytes int64
}

// StopOptions tell Stop how to end a program.
type StopOptions struct {
	// Timeout is the grace period before SIGKILL. Zero kills at once; a
	// negative one stands for the container's own.
	Timeout time.Duration
	// Signal is a name or number; empty means the container's stop signal.
	Signal string
}
