package network_test

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
)

// insideVariable says that this process is the one in a namespace of its own.
const insideVariable = "TEST_IN_NAMESPACE"

// TestMain runs the tests of root once more, in a network namespace that is
// theirs alone: there they play the host. Nothing of this machine's network is
// touched.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 || os.Getenv(insideVariable) != "" {
		if inside() {
			mustUp("lo")
		}
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	if cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "the tests cannot have a network namespace:", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

func inside() bool { return os.Getenv(insideVariable) != "" }

// needNamespace skips a test that needs a host's network for itself.
func needNamespace(t *testing.T) {
	t.Helper()
	if !inside() {
		t.Skip("needs root, for a network namespace of its own: run go test as root")
	}
}

func mustUp(name string) {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		panic(err)
	}
}
