package chqemu

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxTail is how much of QEMU's standard error is kept as evidence (bytes).
	maxTail = 16 << 10
	// maxEvidence is how many of its last lines go into an error.
	maxEvidence = 8
)

// process is a QEMU that dies with this process.
type process struct {
	cmd    *exec.Cmd
	stderr tail
	exited chan struct{}
	err    error // of the exit; read after exited
}

// startProcess starts binary as inv says. The child is bound to the life of
// the thread that forks it (PR_SET_PDEATHSIG), so that thread is kept until
// the child has ended.
func startProcess(binary string, inv *invocation) (*process, error) {
	p := &process{cmd: exec.Command(binary, inv.args...), exited: make(chan struct{})}
	p.cmd.ExtraFiles = inv.files
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if inv.tty {
		p.cmd.Stdin, p.cmd.Stdout = os.Stdin, os.Stdout
	}
	started := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with this goroutine.
		runtime.LockOSThread()
		defer close(p.exited)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	return p, nil
}

// kill ends the process without asking and waits for it.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// said returns the last lines that QEMU wrote.
func (p *process) said() []error {
	var out []error
	for _, line := range p.stderr.lines(maxEvidence) {
		out = append(out, errors.New(line))
	}
	return out
}

// evidence returns the last lines that QEMU wrote, and how it ended if it
// has.
func (p *process) evidence() error {
	lines := p.stderr.lines(maxEvidence)
	select {
	case <-p.exited:
		if p.err != nil {
			lines = append(lines, "qemu: "+p.err.Error())
		}
	default:
	}
	if len(lines) == 0 {
		return errors.New("qemu ended without a word")
	}
	return errors.New(strings.Join(lines, "; "))
}

// tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

// Write implements io.Writer and never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if extra := len(t.data) - maxTail; extra > 0 {
		t.data = append(t.data[:0], t.data[extra:]...)
	}
	return len(p), nil
}

var _ io.Writer = (*tail)(nil)

// lines returns the last n lines that are not empty, without the name of the
// program that each begins with.
func (t *tail) lines(n int) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, line := range strings.Split(string(t.data), "\n") {
		line = strings.TrimPrefix(strings.TrimSpace(line), "qemu-system-x86_64: ")
		if line != "" {
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-n):]
}

// monitorPair returns both ends of a new QMP connection: ours, and the file
// that QEMU inherits.
func monitorPair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "qmp"), os.NewFile(uintptr(fds[1]), "qmp")
	defer func() { _ = ours.Close() }()
	conn, err := net.FileConn(ours)
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("qmp connection: %w", err)
	}
	return conn, theirs, nil
}
