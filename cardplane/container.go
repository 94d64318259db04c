package cardplane

import (
	"context"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// ContainerSpec is what a user asks for. It never changes after Create.
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
	// Hostname is the UTS host name; empty means the first 12 digits of the id.
	Hostname string
	// Labels are the user's and mean nothing to Cardplane.
	Labels map[string]string
	// Resources sizes the container's virtual machine.
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
	// Restart says whether it is started again after its end.
	Restart RestartPolicy `json:",omitzero"`
	// Logs says what is kept of its output.
	Logs LogPolicy
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
)

// Resources sizes a virtual machine. A zero field means its default.
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
	// SandboxID names the virtual machine of the present or last run.
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
	// OOMKilled tells that the guest's kernel killed a process of the
	// container for lack of memory.
	OOMKilled bool
	// RestartCount is how often its restart policy has started it again since
	// somebody has started it.
	RestartCount int `json:",omitempty"`
	// Error says why a container is Failed, or Restarting for that. It is nil
	// otherwise.
	Error *apierr.Error
	Guest *GuestInfo
	// Timings are the steps of the last start, in order.
	Timings []Timing
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

// ContainerFilter selects containers in List.
type ContainerFilter struct {
	// All includes containers that do not run.
	All bool
	// Labels are "key" or "key=value"; all must match.
	Labels []string
}

// StopOptions tell Stop how to end a program.
type StopOptions struct {
	// Timeout is the grace period before SIGKILL. Zero kills at once.
	Timeout time.Duration
	// Signal is a name or number; empty means the container's stop signal.
	Signal string
}

// ContainerService is the life of containers. Every ref is an id, a unique
// prefix of an id, or a name.
//
// Errors common to all methods: container_not_found, and ambiguous_id (which
// lists the matches) where a prefix fits several containers.
//
// All methods are safe for concurrent use. A cancelled context ends the
// method but not what it has set going: a start goes on, and the container's
// state tells how it ended.
type ContainerService interface {
	// Create records a container in state Created. Nothing is made on the
	// compute host. key makes it idempotent: a second Create with the same
	// key and spec returns the first's container; with another spec it fails
	// with idempotency_key_reused. An empty key is none.
	//
	// Errors: image_not_found, name_taken, and invalid_argument classes whose
	// Field points at the spec's field.
	Create(ctx context.Context, spec ContainerSpec, key string) (Container, error)

	// Get returns one container.
	Get(ctx context.Context, ref string) (Container, error)

	// List returns containers in order of creation.
	List(ctx context.Context, filter ContainerFilter) ([]Container, error)

	// Start gives the container a sandbox and runs its program in it. It
	// returns once the program runs or has already ended. The writable layer
	// of an earlier run is kept.
	//
	// On failure the container is Failed with the same error, and nothing of
	// the run is left on the compute host. Errors: container_already_running,
	// command_not_found, command_not_executable, guest_boot_failed (with the
	// last console lines as evidence), host_unavailable, vmm_unavailable.
	Start(ctx context.Context, ref string) (Container, error)

	// Stop sends the stop signal, waits for the grace period, kills, and
	// returns once the program has ended. On a container that does not run
	// it does nothing.
	Stop(ctx context.Context, ref string, opts StopOptions) (Container, error)

	// Kill sends a signal (a name or number; empty means SIGKILL) to the
	// first process. It fails with container_not_running or invalid_signal.
	Kill(ctx context.Context, ref, signal string) error

	// Wait returns the container once it has ended or been removed (then as
	// it last was), or ctx's error. With AutoRemove it returns once the
	// container is removed.
	Wait(ctx context.Context, ref string) (Container, error)

	// Resize sets the size of the container's terminal. It fails with
	// container_not_running or no_terminal.
	Resize(ctx context.Context, ref string, size TerminalSize) error

	// Remove deletes the container, its writable layer and its log. A
	// running one fails with container_running unless force kills it first.
	Remove(ctx context.Context, ref string, force bool) error

	// Logs reads the journal of the container's output.
	Logs(ctx context.Context, ref string, opts LogOptions) (LogReader, error)

	// Attach joins the first process's streams. It may precede Start, so
	// that no output is missed; it then waits for the start.
	Attach(ctx context.Context, ref string, opts AttachOptions) (Session, error)

	// Exec starts another process. Errors: container_not_running,
	// command_not_found, command_not_executable.
	Exec(ctx context.Context, ref string, spec ExecSpec) (Exec, error)

	// GetExec returns one exec, or exec_not_found.
	GetExec(ctx context.Context, ref, execID string) (Exec, error)

	// ResizeExec sets the size of an exec's terminal.
	ResizeExec(ctx context.Context, ref, execID string, size TerminalSize) error

	// AttachExec joins an exec's streams, from the first byte that no
	// earlier attachment has taken.
	AttachExec(ctx context.Context, ref, execID string) (Session, error)
}
