package cardplane

import (
	"context"
	"slices"
	"time"
)

// Sandbox is a virtual machine that several containers share. It is a record
// until the first of its containers is started: then its machine is booted,
// and it is switched off when the last of them has ended.
type Sandbox struct {
	// ID is 32 hexadecimal digits.
	ID string
	// Name is unique among sandboxes, and the host name of its containers.
	Name      string
	Labels    map[string]string
	Resources SandboxResources
	// State is what its containers make of it.
	State SandboxState
	// Networks and Ports are as asked for, and as in ContainerSpec.
	Networks []NIC  `json:",omitempty"`
	Ports    []Port `json:",omitempty"`
	// Interfaces are those of its machine, none while it is idle, and Published
	// its ports as they are on the compute host.
	Interfaces []Interface `json:",omitempty"`
	Published  []Port      `json:",omitempty"`
	// NetworkReason is as in Container.
	NetworkReason string `json:",omitempty"`
	// Containers are those that name it, in order of creation.
	Containers []SandboxContainer
	CreatedAt  time.Time
}

// SandboxResources sizes a sandbox's machine. The fields are as in Resources,
// and a zero one means the same default.
type SandboxResources struct {
	VCPUs       int
	MemoryBytes int64
	HugePages   bool   `json:",omitempty"`
	CPUSet      string `json:",omitempty"`
}

// SandboxContainer is a container as its sandbox shows it.
type SandboxContainer struct {
	ID, Name string
	State    State
}

// SandboxState says whether a sandbox has a machine.
type SandboxState string

// The states of a sandbox.
const (
	// SandboxIdle: no container of it runs, and it takes nothing of the host.
	SandboxIdle SandboxState = "idle"
	// SandboxStarting: all of its containers that are active are starting.
	SandboxStarting SandboxState = "starting"
	// SandboxRunning: its machine runs a program.
	SandboxRunning SandboxState = "running"
)

// StateOfSandbox returns the state of a sandbox that has these containers.
func StateOfSandbox(containers []SandboxContainer) SandboxState {
	state := SandboxIdle
	for _, c := range containers {
		switch {
		case c.State == Starting && state == SandboxIdle:
			state = SandboxStarting
		case c.State.Active() && c.State != Starting:
			state = SandboxRunning
		}
	}
	return state
}

// SandboxSpec is what a user asks for.
type SandboxSpec struct {
	// Name is made up when it is empty.
	Name      string
	Labels    map[string]string
	Resources SandboxResources
	// Networks and Ports are as in ContainerSpec.
	Networks []NIC
	Ports    []Port
}

// SandboxFilter selects sandboxes in List. All of its parts must match.
type SandboxFilter struct {
	// States selects sandboxes in one of these states.
	States []SandboxState
	// Labels and Names are as in ContainerFilter.
	Labels, Names []string
}

// Match reports whether f selects s.
func (f SandboxFilter) Match(s Sandbox) bool {
	state := len(f.States) == 0 || slices.Contains(f.States, s.State)
	return state && hasLabels(s.Labels, f.Labels) && hasName(f.Names, s.Name)
}

// SandboxService keeps sandboxes. Every ref is a sandbox's id, a unique prefix
// of it, or its name.
//
// # Containers in a sandbox
//
// A container that names a sandbox at Create runs in the sandbox's machine,
// whose size is the sandbox's. The containers of a sandbox have its networks,
// addresses and loopback, its host name, its System V and POSIX IPC and one
// /dev/shm. Root file systems, process ids and cgroups are each container's
// own. Kernel parameters are the machine's: whoever has set one last has set
// it for all. A volume that one of them writes to the others may write to.
//
// The end of one container leaves the others. The end of the machine is the
// end of all; those that their policy starts again share a new one. A volume
// that a machine has been given belongs to it until its end. A start fails with
// sandbox_full where the machine has no room for the container's disks.
//
// Errors common to all methods: sandbox_not_found and ambiguous_id.
//
// All methods are safe for concurrent use.
type SandboxService interface {
	// Create records a sandbox. Nothing is made on the compute host. key makes
	// it idempotent, as in ContainerService. Errors: sandbox_exists,
	// invalid_name, and those of a container's resources and networks.
	Create(ctx context.Context, spec SandboxSpec, key string) (Sandbox, error)

	// Get returns one sandbox.
	Get(ctx context.Context, ref string) (Sandbox, error)

	// List returns sandboxes in order of creation.
	List(ctx context.Context, filter SandboxFilter) ([]Sandbox, error)

	// Remove deletes a sandbox. While containers name it, running or not, it
	// fails with sandbox_in_use, unless force removes them as well.
	Remove(ctx context.Context, ref string, force bool) error

	// Prune removes all sandboxes that filter selects and that no container
	// names. After an error Pruned says what is gone all the same.
	Prune(ctx context.Context, filter PruneFilter) (Pruned, error)
}
