package crun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/reap"
)

// Config says where things are. All directories must be on a tmpfs.
type Config struct {
	// Path is the crun program.
	Path string
	// StateDir is crun's own (its --root).
	StateDir string
	// Dir takes bundles and what belongs to a start.
	Dir string
	// CgroupRoot is where cgroup2 is mounted.
	CgroupRoot string
	// Env is crun's environment.
	Env []string
}

// DefaultConfig returns the Config of a Cardplane guest.
func DefaultConfig() Config {
	return Config{
		Path:       "/usr/bin/crun",
		StateDir:   "/run/crun",
		Dir:        "/run/cardplane/crun",
		CgroupRoot: "/sys/fs/cgroup",
		Env:        []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
	}
}

// Runtime implements container.Runtime.
type Runtime struct {
	config Config
	reaper *reap.Reaper
	log    logrus.FieldLogger
	// starts numbers starts, for the names of their directories.
	starts atomic.Uint64
}

var _ container.Runtime = (*Runtime)(nil)

// New returns a Runtime whose processes reaper waits for.
func New(config Config, reaper *reap.Reaper, log logrus.FieldLogger) *Runtime {
	return &Runtime{config: config, reaper: reaper, log: log}
}

// Run implements container.Runtime.
func (r *Runtime) Run(ctx context.Context, id string, spec *specs.Spec, io container.IO) (container.Process, error) {
	process, err := r.start(ctx, io, "config.json", spec, func(dir string) []string {
		return []string{"run", "--detach", "--bundle", dir, id}
	})
	if err != nil {
		return nil, errors.Join(r.startError(id, spec.Process.Args[0], err), r.Delete(context.WithoutCancel(ctx), id))
	}
	return process, nil
}

// Exec implements container.Runtime.
func (r *Runtime) Exec(ctx context.Context, id, group string, p *specs.Process, io container.IO) (container.Process, error) {
	options, err := r.makeGroup(id, group)
	if err != nil {
		return nil, err
	}
	process, err := r.start(ctx, io, "process.json", p, func(dir string) []string {
		return slices.Concat([]string{"exec", "--detach", "--process", filepath.Join(dir, "process.json")}, options, []string{id})
	})
	if err != nil {
		return nil, r.startError(id, p.Args[0], err)
	}
	return process, nil
}

// Delete implements container.Runtime.
func (r *Runtime) Delete(ctx context.Context, id string) error {
	dir, err := r.newDir()
	if err != nil {
		return err
	}
	defer r.removeDir(dir)
	err = r.invoke(ctx, invocation{dir: dir, args: []string{"delete", "--force", id}})
	if _, statErr := os.Stat(filepath.Join(r.config.StateDir, id)); errors.Is(statErr, os.ErrNotExist) {
		err = nil // crun fails, in words that differ, when there is nothing
	}
	if err != nil {
		return fmt.Errorf("delete container %q: %w", id, err)
	}
	return r.removeCgroup(id)
}

// start writes document to name in a new directory and calls crun with the
// arguments that args returns for it, and those of every start.
func (r *Runtime) start(ctx context.Context, io container.IO, name string, document any, args func(dir string) []string) (container.Process, error) {
	dir, err := r.newDir()
	if err != nil {
		return nil, err
	}
	defer r.removeDir(dir)
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		return nil, err
	}
	s := &start{runtime: r, dir: dir, io: io, args: args(dir)}
	return s.run(ctx)
}

func (r *Runtime) newDir() (string, error) {
	dir := filepath.Join(r.config.Dir, strconv.FormatUint(r.starts.Add(1), 10))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return dir, nil
}

func (r *Runtime) removeDir(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		r.log.WithError(err).WithField("path", dir).Error("cannot remove start directory")
	}
}
