package rootdir

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// GrowVolume implements container.Roots.
func (r *Roots) GrowVolume(ctx context.Context, serial string, size int64) error {
	if err := r.withWritable(serial, func(*mounted) error { return nil }); err != nil {
		return err
	}
	device, err := r.devices.waitFor(ctx, serial, uint64(size))
	if err != nil {
		return err
	}
	for {
		err := r.withWritable(serial, func(m *mounted) error { return r.growTo(m, device) })
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		select { // something else grows it
		case <-ctx.Done():
			return err
		case <-time.After(devicePoll):
		}
	}
}

// withWritable calls do with the volume, which stays mounted meanwhile.
func (r *Roots) withWritable(serial string, do func(*mounted) error) error {
	r.volumes.mu.Lock()
	defer r.volumes.mu.Unlock()
	m := r.volumes.mounted[serial]
	if m == nil || m.readOnly {
		return apierr.New(apierr.InvalidArgument, "device_not_found",
			"no volume %q is mounted to write; it grows when it is mounted so", serial)
	}
	return do(m)
}

// growTo grows the volume's file system to its device.
func (r *Roots) growTo(m *mounted, device blockDevice) error {
	fs, err := ext4Of(device.node)
	if err == nil {
		err = r.system.ResizeExt4(m.path, device.size/fs.blockSize)
	}
	if err != nil {
		return apierr.New(apierr.FailedPrecondition, "grow_failed", "the file system of volume %q cannot be grown: %w", m.serial, err)
	}
	return nil
}
