package rootdir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/guest-agent/livedir"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Attach implements container.Roots.
func (r *Roots) Attach(ctx context.Context, id string, p container.Process, v guestapi.Volume) error {
	known := r.volumeOf(id, v.Device) != nil
	image := r.imageOf(id)
	m, err := r.acquireVolume(ctx, id, "", v, func(m *mounted) error { return m.fill(image, v.Path) })
	if err == nil {
		err = r.graft(id, p, m, v)
	}
	if err != nil && !known {
		return errors.Join(err, r.dropVolume(id, v.Device))
	}
	r.grow(id)
	return err
}

// imageOf is where the image of the container id is mounted.
func (r *Roots) imageOf(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if img := r.used[id]; img != nil {
		return img.path
	}
	return ""
}

// volumeOf returns a volume that the container id uses, or nil.
func (r *Roots) volumeOf(id, device string) *mounted {
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	for _, m := range r.volumes.used[id] {
		if m.serial == device {
			return m
		}
	}
	return nil
}

// graft mounts what of a volume the container sees in its mount namespace.
func (r *Roots) graft(id string, p container.Process, m *mounted, v guestapi.Volume) error {
	source, err := m.open(v.Subpath, "")
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	root, ns, list, err := openSpace(p)
	if err != nil {
		return err
	}
	defer closeAll(root, ns, list)
	target, err := r.openTarget(id, root, v.Path)
	if err != nil {
		return err
	}
	defer func() { _ = target.Close() }()
	if err := r.system.Graft(ns, source, target, v.ReadOnly || v.ReadOnlyDevice); err != nil {
		return apierr.New(apierr.FailedPrecondition, "mount_failed", "the volume cannot be mounted at %q: %w", v.Path, err).At("/path")
	}
	return nil
}

// openSpace opens the root directory of a process, its mount namespace, and the list
// of the mounts in it.
func openSpace(p container.Process) (root, ns, list *os.File, err error) {
	if root, err = p.OpenRoot(); err != nil {
		return nil, nil, nil, err
	}
	if ns, list, err = p.OpenMounts(); err != nil {
		return nil, nil, nil, errors.Join(err, root.Close())
	}
	return root, ns, list, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// openTarget opens the directory at path in the container whose root is given, and
// makes what is missing: where its root is mounted read-only, from outside.
func (r *Roots) openTarget(id string, root *os.File, path string) (*os.File, error) {
	inside := fmt.Sprintf("/proc/self/fd/%d", root.Fd())
	target, err := livedir.OpenDir(inside, path)
	if errors.Is(err, unix.EROFS) {
		made, outside := livedir.OpenDir(filepath.Join(r.containerDir(id), "root"), path)
		if outside == nil {
			_ = made.Close()
			target, err = livedir.OpenDir(inside, path)
		}
	}
	if err != nil {
		return nil, targetError(path, err)
	}
	return target, nil
}

// targetError gives an error about a directory that a volume was to be mounted on a
// code.
func targetError(path string, err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return apierr.New(apierr.FailedPrecondition, "read_only", "the directory %q cannot be made on a read-only file system; mount the volume on one that exists", path).At("/path")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return apierr.New(apierr.ResourceExhausted, "disk_full", "there is no space for the directory %q; make some, or mount the volume on one that exists", path).At("/path")
	}
	return apierr.New(apierr.FailedPrecondition, "path_conflict", "%q cannot be mounted on: %w; name a directory, or a path at which there is nothing", path, err).At("/path")
}

// dropVolume ends the container's use of a volume that is mounted nowhere in it.
func (r *Roots) dropVolume(id, device string) error {
	if err := r.unmountPoints(id, r.volumePoints(id, device)); err != nil {
		return err
	}
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	used := r.volumes.used[id]
	at := slices.IndexFunc(used, func(m *mounted) bool { return m.serial == device })
	if at < 0 {
		return nil
	}
	if err := r.leaveVolume(used[at]); err != nil {
		return err
	}
	r.volumes.used[id] = slices.Delete(slices.Clone(used), at, at+1)
	return nil
}
