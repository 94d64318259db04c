package procs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Cgroups is a directory of cgroups (version 2) that this process may write
// to. The nil Cgroups makes none: every method succeeds and does nothing.
type Cgroups struct {
	dir string
	// lacking are the controllers that cgroups in dir do not have.
	lacking []string
}

// OpenCgroups returns the cgroups beneath name at the root of the host's
// cgroup v2 hierarchy, where no service manager kills them together with the
// daemon. The error says why that cannot be had.
func OpenCgroups(name string) (*Cgroups, error) {
	mount, err := cgroup2Mount("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	c := &Cgroups{dir: filepath.Join(mount, name)}
	if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("cgroup %s: %w", c.dir, err)
	}
	if err := unix.Access(c.dir, unix.W_OK); err != nil {
		return nil, fmt.Errorf("cgroup %s: %w", c.dir, err)
	}
	enable(mount)
	c.lacking = enable(c.dir)
	return c, nil
}

// CheckCgroups says why this process cannot make cgroups with every limit, nil
// if it can. It changes nothing.
func CheckCgroups() error {
	mount, err := cgroup2Mount("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("%w; VMMs get no cgroup of their own and no limits", err)
	}
	if err := unix.Access(mount, unix.W_OK); err != nil {
		return fmt.Errorf("cgroup %s: %w; VMMs get no cgroup of their own and no limits", mount, err)
	}
	if lacking := missingFrom(filepath.Join(mount, "cgroup.controllers")); len(lacking) > 0 {
		return fmt.Errorf("cgroup v2 at %s lacks the controllers %s; VMMs get cgroups of their own without these limits",
			mount, strings.Join(lacking, ", "))
	}
	return nil
}

// cgroup2Mount returns where the cgroup v2 hierarchy is mounted, after
// proc_pid_mountinfo(5).
func cgroup2Mount(mountinfo string) (string, error) {
	f, err := os.Open(mountinfo)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) > 4 {
			return fields[4], nil
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", mountinfo, err)
	}
	return "", errors.New("no cgroup v2 hierarchy is mounted")
}

// Close removes the parent of all cgroups, if none is left.
func (c *Cgroups) Close() {
	if c != nil {
		_ = unix.Rmdir(c.dir) // fails while it is in use
	}
}

// Make makes the cgroup name, which may exist, with limits and returns its
// directory, open for clone3(2)'s CLONE_INTO_CGROUP; nil for the nil Cgroups.
// A limit whose controller is lacking is left out.
func (c *Cgroups) Make(name string, limits Limits) (*os.File, error) {
	if c == nil {
		return nil, nil
	}
	dir := filepath.Join(c.dir, name)
	if err := c.mkdir(dir); err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	for _, s := range limits.settings(c.lacking) {
		if err := write(filepath.Join(dir, s.file), s.text); err != nil {
			_ = os.Remove(dir)
			return nil, fmt.Errorf("limit cgroup: %w", err)
		}
	}
	f, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = os.Remove(dir)
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	return f, nil
}

// mkdir makes a cgroup, which may exist. Another vmmd of this machine removes
// the parent when it ends and finds it empty; a new one needs its controllers.
func (c *Cgroups) mkdir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(c.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		enable(c.dir) // the same ones as before
		err = os.Mkdir(dir, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Kill sends SIGKILL to every process of the cgroup name at once. A cgroup
// that does not exist is empty.
func (c *Cgroups) Kill(name string) error {
	if c == nil {
		return nil
	}
	err := os.WriteFile(filepath.Join(c.dir, name, "cgroup.kill"), []byte("1"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("kill cgroup: %w", err)
	}
	return nil
}

// Remove removes the cgroup name once the processes in it, which were killed,
// are gone. It waits for them until ctx is done. One that does not exist is
// removed.
func (c *Cgroups) Remove(ctx context.Context, name string) error {
	if c == nil {
		return nil
	}
	dir := filepath.Join(c.dir, name)
	if err := awaitEmpty(ctx, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cgroup %s: %w", name, err)
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove cgroup %s: %w", name, err)
	}
	return nil
}

// awaitEmpty waits until no live process is in the cgroup at dir. The kernel
// marks a change of cgroup.events with POLLPRI (cgroup-v2.rst, "populated").
func awaitEmpty(ctx context.Context, dir string) error {
	events, err := os.Open(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }()
	for {
		text := make([]byte, 256)
		n, err := events.ReadAt(text, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if bytes.Contains(text[:n], []byte("populated 0")) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		// A bounded poll, so that the end of ctx is seen.
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
