// Package container is the agent's domain: containers and execs, their
// states, and what may be asked of them in which state.
//
//	PUT ─► created ─► running ─► exited ─► DELETE
//
// What runs may be paused: its processes stand still, and it exits as before.
//
// A Manager owns them all. It asks a Runtime to start and clean up processes
// and Roots to make root directories, and connects their streams. It keeps an
// exit status until the container is deleted, and never loses one: a process
// that ends before its start has been reported is as well known as any other.
//
// A start that fails leaves nothing behind. A request that was begun is
// finished even if the client goes away, and the same request again gets the
// result of the first.
package container

import (
	"context"
	"os"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Runtime starts processes in containers.
//
// Its errors are *apierr.Error where the user can see them: command_not_found,
// command_not_executable, container_not_running, start_failed. After an error
// nothing that the call made is left.
type Runtime interface {
	// Run creates the container id from spec and starts it. It returns when
	// the program was executed, which may have ended since.
	Run(ctx context.Context, id string, spec *specs.Spec, io IO) (Process, error)
	// Exec starts a further process in the running container id. Unless group
	// is empty, the process and all that it starts are a group of that name.
	Exec(ctx context.Context, id, group string, process *specs.Process, io IO) (Process, error)
	// EndGroup kills every process of a group of the container, and returns
	// when they are gone, or with ctx. It may be repeated.
	EndGroup(ctx context.Context, id, group string) error
	// SignalAll sends sig to every process of the container.
	SignalAll(id string, sig syscall.Signal) error
	// Freeze makes every process of the container stand still, and returns
	// when they do, or lets them go on. It may be repeated.
	Freeze(ctx context.Context, id string, frozen bool) error
	// Usage returns what the container's cgroup counts, and the limit of its
	// memory, 0 for none.
	Usage(id string) (guestapi.Stats, error)
	// Pids returns the processes of the container, in the agent's PID namespace.
	Pids(id string) ([]int, error)
	// Limit bounds what the container may use. After an error nothing has
	// changed.
	Limit(id string, limits guestapi.Limits) error
	// OOMKilled reports whether the kernel's OOM killer has killed a process
	// of the container, and whether that was at the container's own limit.
	OOMKilled(id string) (killed, atLimit bool)
	// Delete removes what is left of a container whose process has ended. It
	// kills what still runs in it. It may be repeated.
	Delete(ctx context.Context, id string) error
}

// IO are the standard streams that a Runtime gives to a process.
type IO struct {
	// Files become descriptors 0, 1 and 2. The Runtime does not close them.
	Files [3]*os.File
	// Terminal: a new terminal takes the place of Files.
	Terminal bool
	// OnTerminal takes over the terminal's master side, non-blocking, as soon
	// as it is there, so that what is printed during the start is read.
	OnTerminal func(master *os.File)
	// Head returns the first bytes, at most n, that the process has printed to
	// its standard error, or its terminal, once there are as many, or the
	// stream has ended, or ctx is done.
	Head func(ctx context.Context, n int) []byte
}

// Process is a process that a Runtime has started.
type Process interface {
	// Pid is the process's id in the agent's PID namespace.
	Pid() int
	// Done is closed when the process has ended.
	Done() <-chan struct{}
	// Exit returns how it ended, once Done is closed.
	Exit() Exit
	// OpenRoot opens its root directory, with all mounts as it sees them. After
	// the end it fails.
	OpenRoot() (*os.File, error)
	// OpenMounts opens its mount namespace, and the list of the mounts in it
	// (proc_pid_mountinfo(5)). After the end it fails.
	OpenMounts() (namespace, list *os.File, err error)
	// Signal sends sig, never to another process. After the end it fails.
	Signal(sig syscall.Signal) error
}

// Exit is how a process ended.
type Exit struct {
	// Code is 0 to 255, 128 plus Signal where a signal ended it.
	Code int
	// Signal is 0 where none ended it.
	Signal int
	// At is when.
	At time.Time
}

// Roots makes the root directories of containers.
type Roots interface {
	// Prepare mounts the root of container id and writes its files. After an
	// error nothing is left of it.
	Prepare(ctx context.Context, id string, config *guestapi.ContainerConfig) (Root, error)
	// PutFile puts a file into a directory in memory of container id, which need
	// not be prepared yet, or replaces it at once and whole. Calls for one
	// container do not overlap.
	PutFile(id string, f *guestapi.LiveFile) error
	// Release undoes Prepare and PutFile. It may be repeated.
	Release(ctx context.Context, id string) error
	// Attach mounts a volume in the container id, which p is the first process of
	// and runs. After an error nothing has changed. Errors: device_not_found,
	// mount_failed, volume_subpath_invalid, path_conflict, read_only, disk_full.
	Attach(ctx context.Context, id string, p Process, v guestapi.Volume) error
	// Detach unmounts a volume from the container id wherever it is mounted in it.
	// mounts are those that the container was given of it. After an error they are
	// there. Errors: volume_busy.
	Detach(ctx context.Context, id string, p Process, device string, mounts []guestapi.Volume) error
	// GrowVolume grows the file system of a volume that is mounted to write to
	// its disk, which is about to have at least size bytes. device is the
	// disk's serial. It may be repeated. Errors: device_not_found, grow_failed.
	GrowVolume(ctx context.Context, device string, size int64) error
	// OpenVolume opens what containers see of a volume, which stays mounted
	// until release. One that was never used is os.ErrNotExist where it is to be
	// read only, and becomes empty otherwise. Errors: device_not_found,
	// mount_failed.
	OpenVolume(ctx context.Context, v guestapi.Volume) (dir *os.File, release func() error, err error)
}

// Kernel is the machine's kernel.
type Kernel interface {
	// SetParameters sets parameters by name. Its errors have the code
	// invalid_sysctl.
	SetParameters(params map[string]string) error
}

// Root is a prepared root directory.
type Root struct {
	// Path is the directory.
	Path string
	// Mounts are to be added to the container's mounts, after its own.
	Mounts []specs.Mount
	// Devices are further rules for the devices that the container may use.
	Devices []specs.LinuxDeviceCgroup
	// Started, unless nil, is called once the program runs, and sets going
	// what was put off until then. It returns at once.
	Started func()
}
