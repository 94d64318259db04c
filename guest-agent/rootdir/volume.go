package rootdir

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

const (
	// volumeData is the directory of a volume that containers see. What else is
	// in the file system, such as lost+found, is not theirs.
	volumeData = "data"
	// volumeDraft is the first content until it is whole.
	volumeDraft = "data.tmp"
)

// volumes are the file systems that outlive containers.
type volumes struct {
	mu      sync.Mutex
	mounted map[string]*mounted   // by serial
	used    map[string][]*mounted // by container id
}

// mounted is a mounted volume.
type mounted struct {
	serial, path string
	readOnly     bool
	users        int
}

// bindVolumes mounts what of its volumes the container id sees on mount points
// of its own, and returns the mounts that bring them into it. image is where
// the container's image is mounted.
func (r *Roots) bindVolumes(ctx context.Context, id, image string, list []guestapi.Volume) ([]specs.Mount, error) {
	var mounts []specs.Mount
	for i, v := range list {
		if v.Raw {
			continue
		}
		field := fmt.Sprintf("/volumes/%d", i)
		m, err := r.acquireVolume(ctx, id, field, v, func(m *mounted) error { return m.fill(image, v.Path) })
		if err != nil {
			return nil, err
		}
		source := filepath.Join(r.volumePoints(id, v.Device), strconv.Itoa(i))
		if err := r.bindVolume(m, v.Subpath, source, field); err != nil {
			return nil, err
		}
		mounts = append(mounts, volumeMount(source, v))
	}
	return mounts, nil
}

// volumePoints is where the mount points of a volume are that the container was
// started with.
func (r *Roots) volumePoints(id, device string) string {
	return filepath.Join(r.containerDir(id), "volumes", url.PathEscape(device))
}

func volumeMount(source string, v guestapi.Volume) specs.Mount {
	access := "rw"
	if v.ReadOnly || v.ReadOnlyDevice {
		access = "ro"
	}
	return specs.Mount{Destination: v.Path, Type: "bind", Source: source, Options: []string{"bind", "rprivate", "nodev", access}}
}

// acquireVolume mounts the volume, or finds it mounted, for the container id, and
// has it filled. After an error releaseVolumes must follow as well.
func (r *Roots) acquireVolume(ctx context.Context, id, field string, v guestapi.Volume, fill func(*mounted) error) (*mounted, error) {
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	m := r.volumes.mounted[v.Device]
	if m == nil {
		m = &mounted{serial: v.Device, path: filepath.Join(r.dir, "volumes", url.PathEscape(v.Device)), readOnly: v.ReadOnlyDevice}
		if err := r.mountVolume(ctx, id, field+"/device", m); err != nil {
			return nil, err
		}
		r.volumes.mounted[v.Device] = m
	}
	if !slices.Contains(r.volumes.used[id], m) {
		m.users++
		r.volumes.used[id] = append(r.volumes.used[id], m)
	}
	if err := fill(m); err != nil {
		return nil, mountFailed(field+"/device", v.Device, "a volume", err)
	}
	return m, nil
}

func (r *Roots) mountVolume(ctx context.Context, id, field string, m *mounted) error {
	if !m.readOnly {
		return r.mountDisk(ctx, id, field, m.path, m.serial)
	}
	device, err := r.devices.wait(ctx, m.serial)
	if err != nil {
		return err
	}
	if err := r.mount(device.node, m.path, "ext4", unix.MS_RDONLY|unix.MS_NODEV, ""); err != nil {
		return mountFailed(field, m.serial, "ext4", err)
	}
	return nil
}

// open opens the volume's directory subpath.
func (m *mounted) open(subpath, field string) (*os.File, error) {
	dir, err := openIn(filepath.Join(m.path, volumeData), subpath, unix.RESOLVE_BENEATH)
	if err != nil {
		return nil, apierr.New(apierr.InvalidArgument, "volume_subpath_invalid",
			"the volume has no directory %q: %w; name one that exists in it, with no link that leads out of it", subpath, err).At(field + "/subpath")
	}
	return dir, nil
}

// bindVolume mounts the volume's directory subpath on target. The descriptor
// keeps what was checked and what is mounted the same.
func (r *Roots) bindVolume(m *mounted, subpath, target, field string) error {
	dir, err := m.open(subpath, field)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return r.mount(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), target, "", unix.MS_BIND, "")
}

// fill gives a volume that was never used its first content.
func (m *mounted) fill(image, path string) error {
	data, draft := filepath.Join(m.path, volumeData), filepath.Join(m.path, volumeDraft)
	if _, err := os.Lstat(data); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if m.readOnly {
		return errors.New("it was never used and its device cannot be written to; attach it once without readOnlyDevice")
	}
	if err := errors.Join(os.RemoveAll(draft), copyUp(draft, image, path)); err != nil {
		return fmt.Errorf("first content: %w", err)
	}
	return syncRename(draft, data)
}

// releaseVolumes ends the container's use of its volumes.
func (r *Roots) releaseVolumes(id string) error {
	if err := r.unmountPoints(id, filepath.Join(r.containerDir(id), "volumes", "*")); err != nil {
		return err
	}
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	for len(r.volumes.used[id]) > 0 {
		if err := r.leaveVolume(r.volumes.used[id][0]); err != nil {
			return err
		}
		r.volumes.used[id] = r.volumes.used[id][1:]
	}
	delete(r.volumes.used, id)
	return nil
}

// unmountPoints unmounts the mount points in the directories that fit a pattern.
func (r *Roots) unmountPoints(id, dirs string) error {
	points, err := filepath.Glob(filepath.Join(dirs, "*"))
	if err != nil {
		return err
	}
	for _, point := range points {
		if err := r.system.Unmount(point, 0); err != nil {
			return fmt.Errorf("unmount a volume of container %q: %w", id, err)
		}
	}
	return nil
}

// leaveVolume takes one user from a volume. The last one unmounts it.
func (r *Roots) leaveVolume(m *mounted) error {
	if m.users == 1 {
		if err := r.unmountVolume(m); err != nil {
			return err
		}
		delete(r.volumes.mounted, m.serial)
	}
	m.users--
	return nil
}

func (r *Roots) unmountVolume(m *mounted) error {
	if err := errors.Join(r.system.Unmount(m.path, 0), os.Remove(m.path)); err != nil {
		return fmt.Errorf("unmount volume %q: %w", m.serial, err)
	}
	return nil
}
