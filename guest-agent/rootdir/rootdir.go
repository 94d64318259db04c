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
	"sync/atomic"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// readOnlyLayerSize bounds the memory behind a read-only root, in bytes. It
// takes the mount points that the image lacks.
const readOnlyLayerSize = 1 << 20

// grownAtOnce is how far a disk's file system is grown before its container
// starts, in bytes. The rest is grown once the program runs: it takes a good
// part of a second on an emulated processor, and no program fills this much
// in that time.
const grownAtOnce = 1 << 30

// giveBack has ext4 tell the disk, with each commit of its journal, what it holds
// nothing in any more, so that the space is the host's again.
const giveBack = "discard"

// Roots implements container.Roots with block devices.
type Roots struct {
	dir     string
	system  System
	devices devices
	log     logrus.FieldLogger

	mu      sync.Mutex
	images  map[string]*image
	used    map[string]*image    // by container id
	growths map[string][]*growth // by container id
	volumes volumes
	// archives counts the volumes that were opened.
	archives atomic.Int64
}

var _ container.Roots = (*Roots)(nil)

// image is a mounted image.
type image struct {
	serial, path string
	users        int
}

// New returns Roots that keeps its mounts in dir, which must be on a tmpfs.
func New(dir string, system System, log logrus.FieldLogger) *Roots {
	return &Roots{
		dir: dir, system: system, devices: devices{sysBlock: "/sys/block", dev: "/dev"}, log: log,
		images: map[string]*image{}, used: map[string]*image{}, growths: map[string][]*growth{},
		volumes: volumes{mounted: map[string]*mounted{}, used: map[string][]*mounted{}},
	}
}

func (r *Roots) containerDir(id string) string { return filepath.Join(r.dir, "containers", id) }

// Prepare implements container.Roots.
func (r *Roots) Prepare(ctx context.Context, id string, config *guestapi.ContainerConfig) (_ container.Root, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Release(context.WithoutCancel(ctx), id))
		}
	}()
	lower, err := r.acquireImage(ctx, id, config.Rootfs.Image.Device)
	if err != nil {
		return container.Root{}, err
	}
	layer, err := r.mountLayer(ctx, id, &config.Rootfs.Writable)
	if err != nil {
		return container.Root{}, err
	}
	root, err := r.mountOverlay(id, lower, layer)
	if err != nil {
		return container.Root{}, err
	}
	mounts, err := r.bindVolumes(ctx, id, lower, config.Volumes)
	if err != nil {
		return container.Root{}, err
	}
	raw, rules, err := r.bindRaw(ctx, config.Volumes)
	if err != nil {
		return container.Root{}, err
	}
	files, err := writeFiles(filepath.Join(r.containerDir(id), "files"), config.Files)
	if err != nil {
		return container.Root{}, err
	}
	live, err := r.bindLive(id, root, config)
	if err != nil {
		return container.Root{}, err
	}
	return container.Root{Path: root, Mounts: slices.Concat(mounts, raw, files, live), Devices: rules, Started: func() { r.grow(id) }}, nil
}

// Release implements container.Roots.
func (r *Roots) Release(_ context.Context, id string) error {
	r.awaitGrowth(id)
	dir := r.containerDir(id)
	for _, name := range []string{"root", "layer"} {
		if err := r.system.Unmount(filepath.Join(dir, name), 0); err != nil {
			return fmt.Errorf("unmount %s of container %q: %w", name, id, err)
		}
	}
	if err := r.releaseVolumes(id); err != nil {
		return err
	}
	// Only this tmpfs's own files are left now.
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove directory of container %q: %w", id, err)
	}
	return r.releaseImage(id)
}

// acquireImage mounts the image, or finds it mounted, for the container id.
func (r *Roots) acquireImage(ctx context.Context, id, serial string) (string, error) {
	device, err := r.devices.wait(ctx, serial)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	img, ok := r.images[serial]
	if !ok {
		img = &image{serial: serial, path: filepath.Join(r.dir, "images", fileName(serial))}
		if err := r.mount(device.node, img.path, "erofs", unix.MS_RDONLY|unix.MS_NODEV, ""); err != nil {
			return "", mountFailed("/rootfs/image/device", serial, "EROFS", err)
		}
		r.images[serial] = img
	}
	img.users++
	r.used[id] = img
	return img.path, nil
}

// releaseImage ends the container's use of its image.
func (r *Roots) releaseImage(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	img := r.used[id]
	if img == nil {
		return nil
	}
	if img.users == 1 {
		if err := r.system.Unmount(img.path, 0); err != nil {
			return fmt.Errorf("unmount image %q: %w", img.serial, err)
		}
		if err := os.Remove(img.path); err != nil {
			return fmt.Errorf("remove mount point of image %q: %w", img.serial, err)
		}
		delete(r.images, img.serial)
	}
	img.users--
	delete(r.used, id)
	return nil
}

// fileName returns serial as the name of one file.
func fileName(serial string) string { return "image-" + url.PathEscape(serial) }

// mountFailed is the error for a device whose file system cannot be mounted.
func mountFailed(field, serial, kind string, err error) error {
	return apierr.New(apierr.FailedPrecondition, "mount_failed",
		"device %q cannot be mounted as %s: %w", serial, kind, err).At(field)
}

// mount makes the directory target and mounts on it.
func (r *Roots) mount(source, target, fstype string, flags uintptr, data string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	if err := r.system.Mount(source, target, fstype, flags, data); err != nil {
		return errors.Join(mountError(source, target, err), os.Remove(target))
	}
	return nil
}

// mountLayer mounts the file system that takes the container's writes.
func (r *Roots) mountLayer(ctx context.Context, id string, w *guestapi.Writable) (string, error) {
	target := filepath.Join(r.containerDir(id), "layer")
	switch w.Kind {
	case guestapi.WritableDisk:
		return target, r.mountDisk(ctx, id, "/rootfs/writable/device", target, w.Device)
	case guestapi.WritableTmpfs:
		return target, r.mountTmpfs(target, w.SizeBytes)
	default:
		return target, r.mountTmpfs(target, readOnlyLayerSize)
	}
}

func (r *Roots) mountTmpfs(target string, size int64) error {
	data := "mode=0755"
	if size > 0 {
		data += ",size=" + strconv.FormatInt(size, 10)
	}
	return r.mount("tmpfs", target, "tmpfs", unix.MS_NODEV, data)
}

// mountDisk mounts an ext4 disk and grows its file system to the disk's size,
// what is beyond grownAtOnce in the background of the container id.
func (r *Roots) mountDisk(ctx context.Context, id, field, target, serial string) error {
	device, err := r.devices.wait(ctx, serial)
	if err != nil {
		return err
	}
	size, err := ext4Of(device.node)
	if err != nil {
		return mountFailed(field, serial, "ext4", err)
	}
	if err := r.mount(device.node, target, "ext4", unix.MS_NODEV|unix.MS_NOATIME, giveBack); err != nil {
		return mountFailed(field, serial, "ext4", err)
	}
	blocks := device.size / size.blockSize
	first := min(blocks, grownAtOnce/size.blockSize)
	if first > size.blocks {
		if err := r.system.ResizeExt4(target, first); err != nil {
			return mountFailed(field, serial, "ext4 of its full size", err)
		}
	}
	if blocks > max(first, size.blocks) {
		r.growLater(id, target, blocks)
	}
	return nil
}

// growth is what is left to grow of a mounted file system.
type growth struct {
	target string
	blocks uint64
	begin  sync.Once
	work   sync.WaitGroup
}

func (r *Roots) growLater(id, target string, blocks uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.growths[id] = append(r.growths[id], &growth{target: target, blocks: blocks})
}

// grow grows the container's file systems in the background. A failure leaves
// one smaller than its disk; the next start tries again.
func (r *Roots) grow(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.growths[id] {
		g.begin.Do(func() {
			g.work.Go(func() {
				if err := r.system.ResizeExt4(g.target, g.blocks); err != nil {
					r.log.WithField("container", id).WithError(err).Error("a disk's file system keeps less than its full size")
				}
			})
		})
	}
}

// awaitGrowth waits until none of the container's file systems grows.
func (r *Roots) awaitGrowth(id string) {
	r.mu.Lock()
	growths := r.growths[id]
	delete(r.growths, id)
	r.mu.Unlock()
	for _, g := range growths {
		g.work.Wait()
	}
}

// mountOverlay joins the image and the layer.
func (r *Roots) mountOverlay(id, lower, layer string) (string, error) {
	upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
	if err := makeUpper(upper, lower); err != nil {
		return "", fmt.Errorf("upper directory of container %q: %w", id, err)
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", err
	}
	target := filepath.Join(r.containerDir(id), "root")
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", escape(lower), escape(upper), escape(work))
	return target, r.mount("overlay", target, "overlay", 0, data)
}

// makeUpper makes the overlay's upper directory with the owner and mode of
// the image's root, which it hides.
func makeUpper(upper, lower string) error {
	if err := os.Mkdir(upper, 0o755); err != nil {
		if errors.Is(err, os.ErrExist) {
			return nil // a disk that was used before
		}
		return err
	}
	var stat unix.Stat_t
	if err := unix.Stat(lower, &stat); err != nil {
		return fmt.Errorf("stat %s: %w", lower, err)
	}
	if err := unix.Chmod(upper, stat.Mode&0o7777); err != nil {
		return fmt.Errorf("chmod: %w", err)
	}
	if stat.Uid == uint32(os.Geteuid()) && stat.Gid == uint32(os.Getegid()) {
		return nil
	}
	return os.Chown(upper, int(stat.Uid), int(stat.Gid))
}

// escape protects the characters that overlay's options give a meaning to.
func escape(path string) string {
	var out []byte
	for i := range len(path) {
		switch path[i] {
		case '\\', ',', ':':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}

// writeFiles writes files to dir and returns the mounts that bring them into
// the container.
func writeFiles(dir string, files []guestapi.File) ([]specs.Mount, error) {
	if len(files) == 0 {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	mounts := make([]specs.Mount, 0, len(files))
	for i, f := range files {
		source := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(source, f.ContentBase64, 0o600); err != nil {
			return nil, err
		}
		// Not through WriteFile, which the umask would take bits from.
		if err := os.Chmod(source, os.FileMode(f.Mode)); err != nil {
			return nil, err
		}
		access := "ro"
		if f.Writable {
			access = "rw"
		}
		mounts = append(mounts, specs.Mount{
			Destination: f.Path, Type: "bind", Source: source,
			Options: []string{"bind", "rprivate", "nosuid", "nodev", access},
		})
	}
	return mounts, nil
}
