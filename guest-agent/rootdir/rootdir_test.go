package rootdir

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// fakeSystem keeps a list of mounts and fails where told.
type fakeSystem struct {
	dir     string
	mounts  []string
	options map[string]string
	resized []string
	fail    map[string]error // by file system, "unmount" or "resize"
	busy    int              // so many growths fail with EBUSY
	grafts  []string         // in other namespaces, and prunes
}

var _ System = (*fakeSystem)(nil)

func (f *fakeSystem) name(path string) string { return strings.TrimPrefix(path, f.dir+"/") }

func (f *fakeSystem) Mount(source, target, fstype string, flags uintptr, data string) error {
	if err := f.fail[fstype]; err != nil {
		return err
	}
	if _, err := os.Stat(target); err != nil {
		return err
	}
	f.mounts = append(f.mounts, f.name(target))
	if flags&unix.MS_RDONLY != 0 {
		data += " ro"
	}
	f.options[f.name(target)] = fmt.Sprintf("%s %s %s", fstype, filepath.Base(source), strings.ReplaceAll(data, f.dir+"/", ""))
	return nil
}

func (f *fakeSystem) Unmount(target string, _ int) error {
	if err := f.fail["unmount"]; err != nil {
		return err
	}
	for i, mount := range f.mounts {
		if mount == f.name(target) {
			f.mounts = append(f.mounts[:i], f.mounts[i+1:]...)
			// What was in the file system goes with it.
			return errors.Join(os.RemoveAll(target), os.Mkdir(target, 0o755))
		}
	}
	return nil
}

func (f *fakeSystem) ResizeExt4(path string, blocks uint64) error {
	f.resized = append(f.resized, fmt.Sprint(f.name(path), " ", blocks))
	if f.busy > 0 {
		f.busy--
		return unix.EBUSY
	}
	return f.fail["resize"]
}

func (f *fakeSystem) Graft(_, source, target *os.File, readOnly bool) error {
	if err := f.fail["graft"]; err != nil {
		return err
	}
	access := "rw"
	if readOnly {
		access = "ro"
	}
	at, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", target.Fd()))
	f.grafts = append(f.grafts, fmt.Sprintf("graft %s on %s %s", source.Name(), strings.TrimPrefix(at, filepath.Dir(f.dir)), access))
	return err
}

func (f *fakeSystem) Prune(_, _ *os.File, points []string) error {
	f.grafts = append(f.grafts, "prune "+strings.Join(points, " "))
	return f.fail["prune"]
}

func (f *fakeSystem) Share(node string) (uint64, error) {
	if err := f.fail["share"]; err != nil {
		return 0, err
	}
	return unix.Mkdev(254, uint32(filepath.Base(node)[2]-'a')), nil
}

func (f *fakeSystem) Unused(node string) error {
	f.grafts = append(f.grafts, "unused "+filepath.Base(node))
	return f.fail["unused"]
}

// ext4Super returns the beginning of an ext4 file system.
func ext4Super(blocks uint64, logBlock uint32) []byte {
	image := make([]byte, ext4SuperOffset+ext4SuperSize)
	super := image[ext4SuperOffset:]
	le := binary.LittleEndian
	le.PutUint16(super[ext4Magic:], ext4MagicValue)
	le.PutUint32(super[ext4BlocksLo:], uint32(blocks))
	le.PutUint32(super[ext4BlocksHi:], uint32(blocks>>32))
	le.PutUint32(super[ext4LogBlockSize:], logBlock)
	le.PutUint32(super[ext4Incompat:], ext4Incompat64Bit)
	return image
}

// fixture is Roots on a fake kernel with an image, "img", and a disk of 1 GiB,
// "disk", with a file system of 64 MiB.
type fixture struct {
	*Roots
	system *fakeSystem
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	f := &fixture{system: &fakeSystem{dir: filepath.Join(dir, "run"), options: map[string]string{}, fail: map[string]error{}}}
	f.Roots = New(f.system.dir, f.system, quiet())
	f.devices = devices{sysBlock: filepath.Join(dir, "sys"), dev: filepath.Join(dir, "dev")}
	f.plug(t, "vda", "root", 0, nil)
	f.plug(t, "vdb", "img", 1<<20, []byte("erofs"))
	f.plug(t, "vdc", "disk", 1<<30, ext4Super(16384, 2))
	write(t, filepath.Join(f.devices.sysBlock, "loop0", "size"), []byte("0"))
	return f
}

func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func (f *fixture) plug(t *testing.T, name, serial string, size int64, content []byte) {
	t.Helper()
	write(t, filepath.Join(f.devices.dev, name), content)
	write(t, filepath.Join(f.devices.sysBlock, name, "size"), []byte(strconv.FormatInt(size/sectorSize, 10)+"\n"))
	write(t, filepath.Join(f.devices.sysBlock, name, "serial"), []byte(serial))
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func config(kind guestapi.WritableKind) *guestapi.ContainerConfig {
	return &guestapi.ContainerConfig{Rootfs: guestapi.Rootfs{
		Image:    guestapi.ImageDevice{Device: "img"},
		Writable: guestapi.Writable{Kind: kind, Device: "disk", SizeBytes: 4096},
	}}
}

// clean checks that nothing is mounted and no container's directory is left.
func (f *fixture) clean(t *testing.T) {
	t.Helper()
	if len(f.system.mounts) > 0 {
		t.Errorf("mounted: %q", f.system.mounts)
	}
	for _, name := range []string{"containers", "images"} {
		if left, _ := os.ReadDir(filepath.Join(f.dir, name)); len(left) > 0 {
			t.Errorf("left in %s: %v", name, left)
		}
	}
}

func TestKinds(t *testing.T) {
	const overlay = "overlay overlay lowerdir=images/image-img,upperdir=containers/c1/layer/upper,workdir=containers/c1/layer/work"
	for kind, layer := range map[guestapi.WritableKind]string{
		guestapi.WritableDisk:  "ext4 vdc discard",
		guestapi.WritableTmpfs: "tmpfs tmpfs mode=0755,size=4096",
		guestapi.WritableNone:  "tmpfs tmpfs mode=0755,size=1048576",
	} {
		t.Run(string(kind), func(t *testing.T) {
			f := newFixture(t)
			root, err := f.Prepare(t.Context(), "c1", config(kind))
			if err != nil {
				t.Fatal(err)
			}
			if root.Path != filepath.Join(f.dir, "containers/c1/root") || len(root.Mounts) != 0 {
				t.Errorf("%+v", root)
			}
			want := map[string]string{"images/image-img": "erofs vdb  ro", "containers/c1/layer": layer, "containers/c1/root": overlay}
			if !reflect.DeepEqual(f.system.options, want) {
				t.Errorf("mounts %q", f.system.options)
			}
			resized := []string(nil)
			if kind == guestapi.WritableDisk {
				resized = []string{"containers/c1/layer 262144"}
			}
			if !reflect.DeepEqual(f.system.resized, resized) {
				t.Errorf("resized %q", f.system.resized)
			}
			for range 2 { // it may be repeated
				if err := f.Release(t.Context(), "c1"); err != nil {
					t.Fatal(err)
				}
			}
			f.clean(t)
		})
	}
}

// An image is mounted once for all of its containers, and until the last ends.
func TestSharedImage(t *testing.T) {
	f := newFixture(t)
	for _, id := range []string{"c1", "c2"} {
		if _, err := f.Prepare(t.Context(), id, config(guestapi.WritableTmpfs)); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.system.mounts) != 5 {
		t.Fatalf("mounts %q", f.system.mounts)
	}
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	if f.system.mounts[0] != "images/image-img" {
		t.Fatalf("mounts %q", f.system.mounts)
	}
	if err := f.Release(t.Context(), "c2"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
}

func TestFiles(t *testing.T) {
	f := newFixture(t)
	c := config(guestapi.WritableTmpfs)
	c.Files = []guestapi.File{
		{Path: "/etc/hosts", Mode: 0o644, ContentBase64: []byte("hosts")},
		{Path: "/run/secret", Mode: 0o666, Writable: true},
	}
	root, err := f.Prepare(t.Context(), "c1", c)
	if err != nil || len(root.Mounts) != 2 {
		t.Fatalf("%+v, %v", root, err)
	}
	for i, mount := range root.Mounts {
		stat, err := os.Stat(mount.Source)
		if err != nil || stat.Mode() != os.FileMode(c.Files[i].Mode) || mount.Destination != c.Files[i].Path {
			t.Errorf("%+v: %v, %v", mount, stat, err)
		}
	}
	if got := root.Mounts[0].Options; got[len(got)-1] != "ro" {
		t.Errorf("%q", got)
	}
	if got := root.Mounts[1].Options; got[len(got)-1] != "rw" {
		t.Errorf("%q", got)
	}
}

// Whatever fails, nothing is left, and the error says what the card can do.
func TestFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*fixture, *guestapi.ContainerConfig)
		code  string
	}{
		"image":    {func(f *fixture, _ *guestapi.ContainerConfig) { f.system.fail["erofs"] = unix.EINVAL }, "mount_failed"},
		"disk":     {func(f *fixture, _ *guestapi.ContainerConfig) { f.system.fail["ext4"] = unix.EUCLEAN }, "mount_failed"},
		"no ext4":  {func(_ *fixture, c *guestapi.ContainerConfig) { c.Rootfs.Writable.Device = "img" }, "mount_failed"},
		"resizing": {func(f *fixture, _ *guestapi.ContainerConfig) { f.system.fail["resize"] = unix.ENOSPC }, "mount_failed"},
		"overlay":  {func(f *fixture, _ *guestapi.ContainerConfig) { f.system.fail["overlay"] = unix.ENOMEM }, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			c := config(guestapi.WritableDisk)
			tc.spoil(f, c)
			if _, err := f.Prepare(t.Context(), "c1", c); err == nil || apierr.From(err).Code != tc.code {
				t.Errorf("got %v", err)
			}
			f.clean(t)
		})
	}
}

func TestMissingDevice(t *testing.T) {
	f := newFixture(t)
	c := config(guestapi.WritableTmpfs)
	c.Rootfs.Image.Device = "other"
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // as if the time were over
	if _, err := f.Prepare(ctx, "c1", c); !apierr.Is(err, "device_not_found") {
		t.Fatalf("got %v", err)
	}
}

// A device may be plugged while it is waited for.
func TestLateDevice(t *testing.T) {
	f := newFixture(t)
	found := make(chan error, 1)
	go func() {
		_, err := f.devices.wait(t.Context(), "late")
		found <- err
	}()
	f.plug(t, "vdd", "late", 0, nil)
	if err := <-found; err != nil {
		t.Fatal(err)
	}
}

// A root that cannot be unmounted is kept, and its release can be repeated.
func TestBusyRelease(t *testing.T) {
	f := newFixture(t)
	if _, err := f.Prepare(t.Context(), "c1", config(guestapi.WritableTmpfs)); err != nil {
		t.Fatal(err)
	}
	f.system.fail["unmount"] = unix.EBUSY
	if err := f.Release(t.Context(), "c1"); !errors.Is(err, unix.EBUSY) {
		t.Fatalf("got %v", err)
	}
	delete(f.system.fail, "unmount")
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
}

func TestEscape(t *testing.T) {
	if got := escape(`/a:b,c\d`); got != `/a\:b\,c\\d` {
		t.Fatal(got)
	}
	if got := fileName("../a/b"); strings.Contains(got, "/") {
		t.Fatal(got)
	}
}

// A disk comes from the card, but what is on it was written by a container.
func FuzzExt4Size(f *testing.F) {
	f.Add(ext4Super(16384, 2))
	f.Add(ext4Super(1<<40, 6))
	f.Add([]byte("short"))
	f.Fuzz(func(t *testing.T, image []byte) {
		size, err := readExt4Size(bytes.NewReader(image))
		if err != nil {
			if !errors.Is(err, errNoExt4) {
				t.Fatal(err)
			}
			return
		}
		if size.blockSize < 1024 || size.blockSize > 64<<10 {
			t.Fatalf("%+v", size)
		}
	})
}

// A disk that is large is grown in two steps, the second once the program
// runs; its end is waited for before the disk is unmounted.
func TestGrowthInTheBackground(t *testing.T) {
	f := newFixture(t)
	f.plug(t, "vdc", "disk", 10<<30, ext4Super(16384, 2))
	root, err := f.Prepare(t.Context(), "c1", config(guestapi.WritableDisk))
	if err != nil {
		t.Fatal(err)
	}
	root.Started()
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	want := []string{"containers/c1/layer 262144", "containers/c1/layer 2621440"}
	if !reflect.DeepEqual(f.system.resized, want) {
		t.Errorf("resized %q", f.system.resized)
	}
	f.clean(t)
}
