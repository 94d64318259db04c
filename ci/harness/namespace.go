package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// openNamespace makes a network namespace that the file $1 keeps, with a
// loopback interface that is up.
const openNamespace = `: > "$1" && unshare --net="$1" ip link set lo up`

// namespace is a network namespace of a stack's own, so that its bridges, rules
// and ports are nowhere else.
type namespace struct {
	// file keeps it; "" is the namespace of the caller.
	file string
}

// Namespaced reports whether daemons can be given a network namespace of their
// own here, and if not, why.
var Namespaced = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "cp-")
	if err != nil {
		return err
	}
	n, err := newNamespace(dir)
	return errors.Join(err, n.close(), os.RemoveAll(dir))
})

func newNamespace(dir string) (namespace, error) {
	file := filepath.Join(dir, "net")
	if out, err := exec.Command("/bin/sh", "-c", openNamespace, "sh", file).CombinedOutput(); err != nil {
		return namespace{}, errors.Join(fmt.Errorf("a network namespace cannot be made; run as root: %w: %s", err, out), namespace{file}.close())
	}
	return namespace{file}, nil
}

// command is the command that runs a program in the namespace. The process keeps
// its id.
func (n namespace) command(program string, args []string) (string, []string) {
	if n.file == "" {
		return program, args
	}
	// The environment that it gets may have no path to it.
	if path, err := exec.LookPath(program); err == nil {
		program = path
	}
	return "nsenter", append([]string{"--net=" + n.file, "--", program}, args...)
}

// close gives the namespace up. It ends with the last process in it.
func (n namespace) close() error {
	if n.file == "" {
		return nil
	}
	if err := syscall.Unmount(n.file, syscall.MNT_DETACH); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("unmount %s: %w", n.file, err)
	}
	return nil
}
