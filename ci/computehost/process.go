package computehost

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a QEMU that dies with this process.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of the exit; read after exited
}

// startProcess starts cmd bound to the life of the thread that forks it
// (PR_SET_PDEATHSIG), so that thread is kept until the child has ended. The
// child leads a process group: a Ctrl-C is for this process alone.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		defer close(p.exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// startQEMU starts program with args and returns it with our end of its monitor.
func startQEMU(program string, args []string, output io.Writer) (*process, net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "qmp"), os.NewFile(uintptr(fds[1]), "qmp")
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, nil, fmt.Errorf("monitor: %w", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = output, output, []*os.File{theirs}
	p, err := startProcess(cmd)
	if err != nil {
		_ = conn.Close()
		return nil, nil, fmt.Errorf("start QEMU: %w (make host-image sees to it)", err)
	}
	return p, conn, nil
}
