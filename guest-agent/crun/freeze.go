package crun

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// freezePoll bounds how late the end of a context is noticed, in milliseconds.
const freezePoll = 100

// Freeze implements container.Runtime with the cgroup's own freezer. A freeze
// that does not come about in time is taken back.
func (r *Runtime) Freeze(ctx context.Context, id string, frozen bool) error {
	path := filepath.Join(r.cgroup(id), "cgroup.freeze")
	value := "0"
	if frozen {
		value = "1"
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("freeze container %q: %w", id, err)
	}
	if !frozen {
		return nil
	}
	err := r.awaitFrozen(ctx, id)
	if err != nil {
		err = errors.Join(err, os.WriteFile(path, []byte("0"), 0))
	}
	return err
}

// awaitFrozen waits until no process of the container runs any more. One that
// waits for a device may take its time.
func (r *Runtime) awaitFrozen(ctx context.Context, id string) error {
	events, err := os.Open(filepath.Join(r.cgroup(id), "cgroup.events"))
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }()
	for {
		text, err := io.ReadAll(io.NewSectionReader(events, 0, maxLog))
		if err != nil {
			return err
		}
		if bytes.Contains(text, []byte("frozen 1")) {
			return nil
		}
		if ctx.Err() != nil {
			return apierr.New(apierr.Unavailable, "container_busy", "container %q does not stand still: %w", id, ctx.Err())
		}
		fds := []unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}
		if _, err := unix.Poll(fds, freezePoll); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
