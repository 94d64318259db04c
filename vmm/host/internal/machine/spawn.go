package machine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/confine"
	"github.com/cardplane/cardplane/vmm/host/internal/procs"
)

// tokenName is the environment variable that marks a VM's processes.
const tokenName = "CARDPLANE_VM"

// Descriptors of the VMM: what it may use without a name for it.
const (
	apiFD    = 3 + iota // the listening API socket
	eventsFD            // the file of the event monitor
)

// spawn starts the VMM as the leader of its own session, as the VM's user, in
// its own cgroup, confined, with no descriptor of ours but those of its API
// and its events, and watches it from then on.
func (m *Manager) spawn(v *vm, program Program) error {
	cmd := exec.Command(program.Path,
		"--api-socket", fmt.Sprintf("fd=%d", apiFD),
		"--event-monitor", fmt.Sprintf("fd=%d", eventsFD),
		"--seccomp", "true",
		"-v")
	cmd.Dir = string(v.dir)
	cmd.Env = append(inheritedEnv(), string(v.dir.token()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	files, err := v.dir.open()
	if err != nil {
		return err
	}
	defer files.close()
	cmd.Stdout, cmd.Stderr = files.log, files.log
	cmd.ExtraFiles = []*os.File{files.api, files.events}
	rec := v.snapshot()
	group, err := m.cfg.Cgroups.Make(v.dir.key(), limitsOf(rec.Spec, rec.Kind))
	if err != nil {
		return err
	}
	if group != nil {
		defer func() { _ = group.Close() }()
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(group.Fd())
	}
	release, err := m.becomeUser(cmd, rec)
	if err != nil {
		return err
	}
	defer release()
	if err := confine.Start(cmd, m.policy(v, program), m.cfg.Landlock); err != nil {
		return fmt.Errorf("spawn %s: %w", program.Path, err)
	}
	handle, err := procs.OpenChild(cmd.Process.Pid)
	if err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	v.mu.Lock()
	v.child, v.handle = cmd, handle
	v.mu.Unlock()
	m.tasks.Go(func() { m.watch(v, handle) })
	return nil
}

// becomeUser makes cmd run as the VM's user. release is called once it runs.
func (m *Manager) becomeUser(cmd *exec.Cmd, rec record) (release func(), err error) {
	if rec.UID == 0 {
		return func() {}, nil
	}
	credential := &syscall.Credential{Uid: uint32(rec.UID), Gid: uint32(rec.UID)}
	for _, device := range m.devicesOf(rec.Kind) {
		groups, err := deviceGroups(device, m.cfg.UIDs.First)
		if err != nil {
			return nil, err
		}
		credential.Groups = append(credential.Groups, groups...)
	}
	cmd.SysProcAttr.Credential = credential
	if cmd.Path, release, err = procs.ForAnyUser(cmd.Path); err != nil {
		return nil, err
	}
	return release, nil
}

// vmmFiles are the files that a VMM is given open.
type vmmFiles struct{ api, events, log *os.File }

// open makes the API socket and opens the files that a VMM writes to. The
// socket is the daemon's, so that only the daemon can connect.
func (l layout) open() (_ *vmmFiles, err error) {
	f := &vmmFiles{}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.log, err = os.OpenFile(l.log(), os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("open VMM log: %w", err)
	}
	if f.events, err = os.OpenFile(l.events(), os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("open event monitor: %w", err)
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: l.api(), Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("make API socket: %w", err)
	}
	defer func() { _ = socket.Close() }()
	socket.SetUnlinkOnClose(false)
	if f.api, err = socket.File(); err != nil {
		return nil, fmt.Errorf("make API socket: %w", err)
	}
	return f, nil
}

func (f *vmmFiles) close() {
	for _, file := range []*os.File{f.api, f.events, f.log} {
		if file != nil {
			_ = file.Close()
		}
	}
}

// policy names what the VM's VMM may reach: itself and its libraries, the
// devices that VMMs use, and of this VM what is the VM's.
func (m *Manager) policy(v *vm, program Program) *confine.Policy {
	return &confine.Policy{
		Run:  append([]string{program.Path, "/usr", "/bin", "/sbin", "/lib", "/lib64"}, filepath.SplitList(os.Getenv("PATH"))...),
		Read: []string{"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime", "/proc", "/sys", "/dev/urandom", "/dev/random"},
		Write: []string{
			v.dir.console(), m.links(v.dir.key()),
		},
		Devices: []string{
			"/dev/null", "/dev/zero", kvmDevice, "/dev/userfaultfd", m.cfg.Tun, "/dev/vhost-net", "/dev/vfio", "/dev/hugepages",
		},
		Sockets: []string{v.dir.sockets()},
		Fill:    fillable(v.snapshot()),
	}
}

// inheritedEnv returns what a VMM may see of our environment.
func inheritedEnv() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == tokenName:
		case name == "PATH", name == "HOME", name == "TMPDIR", strings.HasPrefix(name, "CARDPLANE_"):
			env = append(env, entry)
		}
	}
	return env
}

// kvmDevice is what Cloud Hypervisor opens first.
const kvmDevice = "/dev/kvm"

// devicesOf lists the devices that a VMM's user has to be able to open. Every
// VMM may open the one of taps: it can be given an interface at any time, and
// its groups, like what confines it, are settled when it is started. Without
// privileges it gets nothing there but the taps that are its user's.
func (m *Manager) devicesOf(kind hostapi.VMMKind) []string {
	if kind == hostapi.VMMKindCloudHypervisor {
		return []string{kvmDevice, m.cfg.Tun}
	}
	return []string{m.cfg.Tun}
}

// deviceGroups returns the groups with which any user may open the device at
// path. A device that is its owner's alone, as the kernel makes it where no
// udev runs, is given to the group spare. One that does not exist needs none.
func deviceGroups(path string, spare int) ([]uint32, error) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("stat %s: %w", path, err)
	case st.Mode&0o006 == 0o006:
		return nil, nil
	case st.Mode&0o060 == 0o060 && st.Gid != 0:
		return []uint32{st.Gid}, nil
	}
	if err := unix.Chown(path, -1, spare); err != nil {
		return nil, fmt.Errorf("give %s to group %d: %w", path, spare, err)
	}
	if err := unix.Chmod(path, st.Mode&0o777|0o060); err != nil {
		return nil, fmt.Errorf("give %s to group %d: %w", path, spare, err)
	}
	return []uint32{uint32(spare)}, nil
}
