package rootdir

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// Detach implements container.Roots. The list of the container's mounts says where
// the volume is, as a program that may do so can have moved it. The last one who
// uses it has it written out, and its device free.
func (r *Roots) Detach(ctx context.Context, id string, p container.Process, device string, mounts []guestapi.Volume) error {
	m := r.volumeOf(id, device)
	if m == nil {
		return nil
	}
	r.awaitGrowth(id)
	dev, err := deviceOf(m.path)
	if err != nil {
		return err
	}
	if err = r.prune(p, dev); err == nil {
		err = r.free(ctx, id, device)
	}
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EBUSY) {
		err = apierr.New(apierr.FailedPrecondition, "volume_busy",
			"a program uses the volume: it has a file of it open or works in it, or something else is mounted there; end that first: %w", err)
	}
	return errors.Join(err, r.restore(ctx, id, p, dev, mounts))
}

// deviceOf returns the number of the device whose file system path is on.
func deviceOf(path string) (uint64, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return stat.Dev, nil
}

// prune unmounts a device's file system from the process's mount namespace.
func (r *Roots) prune(p container.Process, dev uint64) error {
	root, ns, list, err := openSpace(p)
	if err != nil {
		return err
	}
	defer closeAll(root, ns, list)
	mounts, err := readMountInfo(list)
	if err != nil {
		return err
	}
	points, hidden := pointsOf(mounts, dev)
	if hidden {
		return unix.EBUSY
	}
	return r.system.Prune(ns, root, points)
}

// free ends the container's use of a volume, and makes sure that the last user's end
// has freed its device.
func (r *Roots) free(ctx context.Context, id, device string) error {
	if err := r.dropVolume(id, device); err != nil {
		return err
	}
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	if r.volumes.mounted[device] != nil {
		return nil
	}
	disk, err := r.devices.wait(ctx, device)
	if err != nil {
		return err
	}
	return r.system.Unused(disk.node)
}

// restore mounts again what a Detach has unmounted that fails.
func (r *Roots) restore(ctx context.Context, id string, p container.Process, dev uint64, mounts []guestapi.Volume) error {
	var failed error
	for _, v := range mounts {
		there, err := isMounted(p, dev, v.Path)
		if err == nil && !there {
			err = r.Attach(ctx, id, p, v)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// isMounted reports whether the process sees a device's file system at path.
func isMounted(p container.Process, dev uint64, path string) (bool, error) {
	root, err := p.OpenRoot()
	if err != nil {
		return false, err
	}
	defer func() { _ = root.Close() }()
	at, err := openAt(root, path, unix.RESOLVE_IN_ROOT)
	if err != nil {
		return false, err
	}
	defer func() { _ = at.Close() }()
	var stat unix.Stat_t
	err = unix.Fstat(int(at.Fd()), &stat)
	return stat.Dev == dev, err
}
