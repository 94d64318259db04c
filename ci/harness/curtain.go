package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// hangCurtain covers directories with empty ones and becomes the program.
// Arguments: how many directories, these, the program and its arguments.
const hangCurtain = `n=$1; shift
while [ "$n" -gt 0 ]; do
	/bin/mount -t tmpfs -o size=4k,mode=0700 none "$1" || exit 1
	shift; n=$((n-1))
done
exec "$@"`

// Curtained reports whether daemons can be run behind a curtain here, and if
// not, why.
var Curtained = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "cp-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(dir) }()
	name, args := behindCurtain([]string{dir}, "/bin/true", nil)
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("a mount namespace cannot be made, so nothing keeps one daemon from reading the other's files; run as root: %w: %s", err, out)
	}
	return nil
})

// behindCurtain is the command that runs a program in a mount namespace of its
// own, in which hidden are empty. The process keeps its id.
func behindCurtain(hidden []string, program string, args []string) (string, []string) {
	command := []string{"--mount", "--", "/bin/sh", "-c", hangCurtain, "sh", strconv.Itoa(len(hidden))}
	command = append(command, hidden...)
	command = append(command, program)
	return "unshare", append(command, args...)
}

// hide makes d run behind a curtain from now on, where that is possible.
func (d *daemon) hide(dirs ...string) error {
	if Curtained() != nil {
		return nil
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, os.MkdirAll(dir, 0o700))
	}
	d.path, d.args = behindCurtain(dirs, d.path, d.args)
	return errors.Join(errs...)
}
