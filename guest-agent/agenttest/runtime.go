package agenttest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/livedir"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// runtime implements container.Runtime with plain processes.
type runtime struct {
	dir string // where the root directories are
	mu  sync.Mutex
	// running holds the processes of each container, its own first.
	running map[string][]*process
}

var _ container.Runtime = (*runtime)(nil)

func newRuntime(dir string) *runtime { return &runtime{dir: dir, running: map[string][]*process{}} }

// Run implements container.Runtime.
func (r *runtime) Run(_ context.Context, id string, spec *specs.Spec, io container.IO) (container.Process, error) {
	return r.start(id, "", spec.Process, io)
}

// Exec implements container.Runtime.
func (r *runtime) Exec(_ context.Context, id, group string, p *specs.Process, io container.IO) (container.Process, error) {
	return r.start(id, group, p, io)
}

// EndGroup implements container.Runtime, for groups of one process group.
func (r *runtime) EndGroup(_ context.Context, id, group string) error {
	for _, p := range r.leave(id, group) {
		// A group that has ended is no error.
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
		<-p.done
	}
	return nil
}

// leave takes the processes of a group from those of the container.
func (r *runtime) leave(id, group string) (left []*process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running[id] = slices.DeleteFunc(r.running[id], func(p *process) bool {
		if p.group == group {
			left = append(left, p)
		}
		return p.group == group
	})
	return left
}

func (r *runtime) start(id, group string, spec *specs.Process, io container.IO) (container.Process, error) {
	path, err := exec.LookPath(spec.Args[0])
	if err != nil {
		return nil, startError(spec.Args[0], err)
	}
	p := &process{runtime: r, id: id, group: group, done: make(chan struct{}), cmd: &exec.Cmd{
		Path: path, Args: spec.Args, Env: spec.Env,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}}
	// The container's directories do not exist here, save for the lucky one.
	if stat, err := os.Stat(spec.Cwd); err == nil && stat.IsDir() {
		p.cmd.Dir = spec.Cwd
	}
	files := io.Files
	if io.Terminal {
		master, slave, err := openTerminal(spec.ConsoleSize)
		if err != nil {
			return nil, err
		}
		defer func() { _ = slave.Close() }()
		files = [3]*os.File{slave, slave, slave}
		p.cmd.SysProcAttr.Setctty = true
		io.OnTerminal(master)
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = files[0], files[1], files[2]
	return p, r.launch(p)
}

func (r *runtime) launch(p *process) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := p.cmd.Start(); err != nil {
		return startError(p.cmd.Path, err)
	}
	first := len(r.running[p.id]) == 0
	r.running[p.id] = append(r.running[p.id], p)
	go p.wait(first)
	return nil
}

func startError(command string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return apierr.New(apierr.InvalidArgument, "command_not_found", "the command %q was not found: %w", command, err)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOEXEC):
		return apierr.New(apierr.InvalidArgument, "command_not_executable", "the command %q is not executable: %w", command, err)
	}
	return apierr.New(apierr.FailedPrecondition, "start_failed", "%q could not be started: %w", command, err)
}

// SignalAll implements container.Runtime.
func (r *runtime) SignalAll(id string, sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.running[id] {
		// A group that has ended is no error.
		_ = syscall.Kill(-p.Pid(), sig)
	}
	return nil
}

// Freeze implements container.Runtime.
func (r *runtime) Freeze(_ context.Context, id string, frozen bool) error {
	sig := syscall.SIGCONT
	if frozen {
		sig = syscall.SIGSTOP
	}
	return r.SignalAll(id, sig)
}

// Usage implements container.Runtime with made-up figures.
func (r *runtime) Usage(id string) (guestapi.Stats, error) {
	pids, err := r.Pids(id)
	return guestapi.Stats{
		CpuMicroseconds: 1000, UserMicroseconds: 600, SystemMicroseconds: 400, MemoryBytes: 1 << 20, MemoryCacheBytes: 1 << 12,
		Processes: int32(len(pids)), ReadBytes: 4096, Reads: 1,
	}, err
}

// Pids implements container.Runtime.
func (r *runtime) Pids(id string) ([]int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pids []int
	for _, p := range r.running[id] {
		pids = append(pids, p.Pid())
	}
	return pids, nil
}

// Limit implements container.Runtime. A limit of one process is more than it
// can keep, for tests of refusals.
func (r *runtime) Limit(_ string, limits guestapi.Limits) error {
	if limits.Pids == 1 {
		return apierr.New(apierr.FailedPrecondition, "memory_in_use", "the limits cannot be kept")
	}
	return nil
}

// OOMKilled implements container.Runtime.
func (r *runtime) OOMKilled(string) (killed, atLimit bool) { return false, false }

// Delete implements container.Runtime.
func (r *runtime) Delete(_ context.Context, id string) error {
	if err := r.SignalAll(id, syscall.SIGKILL); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, id)
	return nil
}

// process implements container.Process.
type process struct {
	runtime *runtime
	id      string
	group   string
	cmd     *exec.Cmd
	done    chan struct{}
	exit    container.Exit
}

// wait records the end. That of a container's first process ends the others.
func (p *process) wait(first bool) {
	// The state tells all; an exit code other than 0 is no error here.
	_ = p.cmd.Wait()
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	p.exit = container.Exit{Code: p.cmd.ProcessState.ExitCode(), At: time.Now()}
	if ok && status.Signaled() {
		p.exit.Signal = int(status.Signal())
		p.exit.Code = 128 + p.exit.Signal
	}
	if first {
		_ = p.runtime.SignalAll(p.id, syscall.SIGKILL)
	}
	close(p.done)
}

// Pid implements container.Process.
func (p *process) Pid() int { return p.cmd.Process.Pid }

// Done implements container.Process.
func (p *process) Done() <-chan struct{} { return p.done }

// OpenRoot implements container.Process with the directory that Prepare made,
// although the process sees that of the machine.
func (p *process) OpenRoot() (*os.File, error) { return os.Open(rootPath(p.runtime.dir, p.id)) }

// OpenMounts implements container.Process with nothing: no mount is made here.
func (p *process) OpenMounts() (namespace, list *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}

// Exit implements container.Process.
func (p *process) Exit() container.Exit { return p.exit }

// Signal implements container.Process.
func (p *process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// roots implements container.Roots with empty directories.
type roots struct {
	dir, volumes string
	*mounts
}

var _ container.Roots = roots{}

// notMountable is what a container has at this path.
const notMountable = "/file"

// Attach implements container.Roots by remembering.
func (r roots) Attach(_ context.Context, id string, _ container.Process, v guestapi.Volume) error {
	if v.Path == notMountable {
		return apierr.New(apierr.FailedPrecondition, "path_conflict", "%q is no directory", v.Path)
	}
	r.set(id, v.Device, append(r.of(id, v.Device), v))
	return nil
}

// Detach implements container.Roots likewise.
func (r roots) Detach(_ context.Context, id string, _ container.Process, device string, _ []guestapi.Volume) error {
	if r.isBusy(device) {
		return apierr.New(apierr.FailedPrecondition, "volume_busy", "a program uses the volume")
	}
	r.set(id, device, nil)
	return nil
}

// GrowVolume implements container.Roots. There are no volumes to grow.
func (r roots) GrowVolume(context.Context, string, int64) error { return nil }

// OpenVolume implements container.Roots with a directory for each device.
func (r roots) OpenVolume(_ context.Context, v guestapi.Volume) (*os.File, func() error, error) {
	path := filepath.Join(r.volumes, v.Device)
	if !v.ReadOnly {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, nil, err
		}
	}
	dir, err := os.Open(path)
	return dir, func() error { return nil }, err
}

// Prepare implements container.Roots.
func (r roots) Prepare(_ context.Context, id string, config *guestapi.ContainerConfig) (container.Root, error) {
	path := rootPath(r.dir, id)
	err := os.MkdirAll(path, 0o700)
	for _, v := range config.Volumes {
		r.set(id, v.Device, append(r.of(id, v.Device), v))
	}
	for _, link := range config.Links {
		err = errors.Join(err, livedir.Link(path, link.Path, link.Target))
	}
	return container.Root{Path: path}, err
}

// PutFile implements container.Roots, for the user who runs the test.
func (r roots) PutFile(id string, f *guestapi.LiveFile) error {
	root := rootPath(r.dir, id)
	return livedir.Write(filepath.Join(root, f.Directory), root+"-new", f.Name, livedir.File{
		Mode: fs.FileMode(f.Mode), UID: os.Geteuid(), GID: os.Getegid(), Content: f.ContentBase64,
	})
}

// Release implements container.Roots.
func (r roots) Release(_ context.Context, id string) error {
	r.forget(id)
	return os.RemoveAll(rootPath(r.dir, id))
}

func rootPath(dir, id string) string { return filepath.Join(dir, "root-"+id) }
