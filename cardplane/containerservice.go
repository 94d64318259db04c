package cardplane

import "context"

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
	FileService
	StatsService
	PortService
	NICService
	MountService

	// Create records a container in state Created. Nothing is made on the
	// compute host.
	//
	// key makes it idempotent: a second Create with the same key and spec
	// returns the first's container as it was created, for 24 hours, although
	// the control plane was killed in between or both run at once; with
	// another spec it fails with idempotency_key_reused. A Create that fails
	// leaves the key unused. An empty key is none.
	//
	// Volumes that do not exist are made.
	//
	// Errors: image_not_found, sandbox_not_found, name_taken, and
	// invalid_argument classes whose Field points at the spec's field.
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

	// Restart stops the container as Stop does and starts it as Start does.
	// One that does not run is started. It is finished although ctx, the
	// control plane or the link ends. AutoRemove does not count in between.
	// Errors: those of Stop and Start.
	Restart(ctx context.Context, ref string, opts StopOptions) (Container, error)

	// Pause freezes all processes of a running container and returns once
	// they stand still. Its virtual machine goes on. A paused container can
	// be stopped, killed and removed by force: what asks its program to end
	// lets it go on. When the compute host is away, the error is
	// host_unavailable, and it is paused when the host is back. Errors:
	// container_not_running, container_paused, container_stopping.
	Pause(ctx context.Context, ref string) (Container, error)

	// Unpause lets the processes of a paused container go on. Errors:
	// container_not_running, container_not_paused.
	Unpause(ctx context.Context, ref string) (Container, error)

	// Rename gives the container another name, in any state. Unless revision
	// is empty, the container must be at it. Errors: invalid_name, name_taken,
	// revision_mismatch.
	Rename(ctx context.Context, ref, name, revision string) (Container, error)

	// Update changes the container, in any state but Starting. Limits of one
	// that runs change within the size of its virtual machine; what is beyond
	// that is Pending. When the host is away for long the error is
	// host_unavailable, and the limits change when it is back. After any other
	// error nothing has changed. Errors: container_starting, update_pending,
	// memory_in_use, revision_mismatch, and invalid_argument classes.
	Update(ctx context.Context, ref string, update ContainerUpdate, revision string) (Container, error)

	// Kill sends a signal (a name or number; empty means SIGKILL) to the
	// first process. It fails with container_not_running or invalid_signal.
	Kill(ctx context.Context, ref, signal string) error

	// Wait returns the container once it has ended, or become healthy, as until
	// says, or been removed (then as it last was), or ctx's error.
	Wait(ctx context.Context, ref string, until WaitCondition) (Container, error)

	// Resize sets the size of the container's terminal. It fails with
	// container_not_running or no_terminal.
	Resize(ctx context.Context, ref string, size TerminalSize) error

	// Remove deletes the container, its writable layer and its log. A
	// running one fails with container_running unless force kills it first.
	// Unless revision is empty, the container must be at it when that begins;
	// else it fails with revision_mismatch, and nothing is killed.
	Remove(ctx context.Context, ref string, force bool, revision string) error

	// Prune removes all containers that filter selects and that do not run,
	// nor will by their restart policy. What it has removed is gone although
	// it fails.
	Prune(ctx context.Context, filter PruneFilter) (Pruned, error)

	// Logs reads the journal of the container's output.
	Logs(ctx context.Context, ref string, opts LogOptions) (LogReader, error)

	// Attach joins the first process's streams. It may precede Start, so
	// that no output is missed; it then waits for the start.
	Attach(ctx context.Context, ref string, opts AttachOptions) (Session, error)

	// Exec starts another process. key is as in Create. Errors: container_not_running,
	// container_paused, command_not_found, command_not_executable.
	Exec(ctx context.Context, ref string, spec ExecSpec, key string) (Exec, error)

	// ListExecs returns the execs of the present or last run: those that run
	// and the newest that have ended, in order of their start.
	ListExecs(ctx context.Context, ref string) ([]Exec, error)

	// GetExec returns one exec, or exec_not_found.
	GetExec(ctx context.Context, ref, execID string) (Exec, error)

	// ResizeExec sets the size of an exec's terminal.
	ResizeExec(ctx context.Context, ref, execID string, size TerminalSize) error

	// AttachExec joins an exec's streams, from the first byte that no
	// earlier attachment has taken.
	AttachExec(ctx context.Context, ref, execID string) (Session, error)
}
