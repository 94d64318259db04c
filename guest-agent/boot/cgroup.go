package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	cgroupRoot = "sys/fs/cgroup"
	// containersCgroup holds one cgroup a container.
	containersCgroup = "containers"
)

// cgroup hands all controllers down to containers. PID 1 stays in the root,
// which alone may hold processes beside cgroups with controllers (cgroup-v2,
// "No Internal Process Constraint"): to move it would cost a tenth of the boot.
func (m machine) cgroup(context.Context) error {
	root := filepath.Join(m.root, cgroupRoot)
	if err := os.Mkdir(filepath.Join(root, containersCgroup), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, dir := range []string{root, filepath.Join(root, containersCgroup)} {
		if err := enable(dir, strings.Fields(string(controllers))); err != nil {
			return err
		}
	}
	return nil
}

// enable hands the controllers of dir down to the cgroups in it.
func enable(dir string, controllers []string) error {
	if len(controllers) == 0 {
		return nil
	}
	return writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+strings.Join(controllers, " +"))
}

// writeFile writes to a file of a kernel file system with one write(2).
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", text, err)
	}
	return nil
}
