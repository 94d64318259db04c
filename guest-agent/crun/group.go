package crun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// groupPoll is the pause between two looks at whether a group is gone.
const groupPoll = 5 * time.Millisecond

// makeGroup makes the cgroup of a group of the container's processes, and
// returns crun's options for it. A group without a name needs neither.
func (r *Runtime) makeGroup(id, group string) ([]string, error) {
	if group == "" {
		return nil, nil
	}
	err := os.Mkdir(filepath.Join(r.cgroup(id), group), 0o755)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, apierr.New(apierr.FailedPrecondition, "container_not_running", "container %q has exited", id)
	case err != nil && !errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("make a group in container %q: %w", id, err)
	}
	return []string{"--cgroup", group}, nil
}

// EndGroup implements container.Runtime. A cgroup with processes in it cannot
// be removed.
func (r *Runtime) EndGroup(ctx context.Context, id, group string) error {
	dir := filepath.Join(r.cgroup(id), group)
	for {
		err := os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)
		if err == nil {
			err = os.Remove(dir)
		}
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-time.After(groupPoll):
		case <-ctx.Done():
			return fmt.Errorf("end group %q of container %q: %w", group, id, err)
		}
	}
}
