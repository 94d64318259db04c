package harness

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/vmm/link/linktest"
)

// machine is where vmmd runs: this machine, or a compute host of its own.
type machine interface {
	// endpoint is vmmd's address, for the card.
	endpoint() string
	// dial connects to vmmd.
	dial() linktest.Dial
	// start starts vmmd and returns once it answers.
	start(ctx context.Context) error
	// kill ends vmmd with SIGKILL, and stop in order.
	kill() error
	stop() error
	running() bool
	// pid is vmmd's process id on its machine, 0 when it does not run.
	pid() int
	log() string
	// kernelLog is the end of the kernel's log of a machine that is not this.
	kernelLog() string
	// vms returns the process ids of the VMMs, and killVM kills one.
	vms() []int
	killVM(pid int) error
	// run runs a shell script on the machine and returns its output; an exit
	// status other than 0 is an error.
	run(script string) (string, error)
	// data is vmmd's data directory on its machine.
	data() string
	// clear removes what there is of the stack beyond its directory, and reports
	// what should not have been left there.
	clear() error
}

// here is the machine that the test runs on.
type here struct {
	*daemon
	stack string // the stack's directory
	net   namespace
}

// apart makes vmmd run in a network namespace of its own, where that is
// possible. One that stays reachable, or is to have no networks, does not get what
// it takes to change the namespace that it is in.
func (h *here) apart(reachable, unprivileged bool) (err error) {
	if Namespaced() != nil {
		return nil
	}
	if reachable || unprivileged {
		h.path, h.args = "setpriv", append([]string{"--bounding-set", "-net_admin", "--", h.path}, h.args...)
	}
	if reachable {
		return nil
	}
	h.net, err = newNamespace(h.stack)
	h.path, h.args = h.net.command(h.path, h.args)
	return err
}

func newHere(dir string, cfg Config) *here {
	h := &here{stack: dir}
	h.daemon = &daemon{name: "vmmd", dir: dir, path: filepath.Join(cfg.Bin, "vmmd"), env: cfg.HostEnv, args: append([]string{
		"--listen", h.endpoint(), "--run-dir", filepath.Join(dir, "run"), "--data-dir", h.data(),
	}, cfg.HostArgs...)}
	return h
}

func (h *here) socket() string      { return filepath.Join(h.stack, "vmmd.sock") }
func (h *here) endpoint() string    { return "unix://" + h.socket() }
func (h *here) dial() linktest.Dial { return linktest.Unix(h.socket()) }

func (h *here) data() string { return filepath.Join(h.stack, "host") }

func (h *here) start(ctx context.Context) error {
	return h.daemon.start(ctx, socketAnswers(h.socket()))
}

func (h *here) vms() (pids []int) {
	for pid, cmdline := range processes(h.stack) {
		program, _, _ := strings.Cut(cmdline, " ")
		switch filepath.Base(program) {
		case "ch-qemu", "cloud-hypervisor":
			pids = append(pids, pid)
		}
	}
	return pids
}

func (h *here) killVM(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

func (h *here) run(script string) (string, error) {
	program, args := h.net.command("/bin/sh", []string{"-c", script})
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return string(out), err
}

func (h *here) kernelLog() string { return "" }

func (h *here) clear() error { return h.net.close() }
