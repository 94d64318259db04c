package boot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	cgroupRoot = "sys/fs/cgroup"
	// agentCgroup holds PID 1. cgroup2 lets only leaves hold processes once
	// controllers are handed down.
	agentCgroup = "agent"
	// containersCgroup holds one cgroup a container.
	containersCgroup = "containers"
)

// cgroup moves PID 1 to a leaf and hands all controllers down to containers.
func (m machine) cgroup(context.Context) error {
	root := filepath.Join(m.root, cgroupRoot)
	for _, name := range []string{agentCgroup, containersCgroup} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(root, agentCgroup, "cgroup.procs"), "1"); err != nil {
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
