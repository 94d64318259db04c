package rootdir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/guest-agent/container"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// fakeProcess is a process whose root is a directory, and whose mounts a file lists.
type fakeProcess struct {
	container.Process
	root, list string
}

func (p fakeProcess) OpenRoot() (*os.File, error) { return os.Open(p.root) }

func (p fakeProcess) OpenMounts() (namespace, list *os.File, err error) {
	if namespace, err = os.Open(os.DevNull); err == nil {
		list, err = os.Open(p.list)
	}
	return namespace, list, err
}

// running returns the first process of the container c1, which has been prepared,
// with mounts of the volume's device at points.
func (f *fixture) running(t *testing.T, points ...string) fakeProcess {
	t.Helper()
	if f.imageOf("c1") == "" {
		if _, err := f.Prepare(t.Context(), "c1", config(guestapi.WritableNone)); err != nil {
			t.Fatal(err)
		}
	}
	p := fakeProcess{root: filepath.Join(filepath.Dir(f.dir), "inside"), list: filepath.Join(filepath.Dir(f.dir), "list")}
	write(t, filepath.Join(p.root, "file"), nil)
	dev, err := deviceOf(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	text := "21 1 0:99 / / rw - overlay overlay rw\n"
	for _, point := range points {
		text += fmt.Sprintf("22 21 %d:%d /data %s rw - ext4 /dev/vdd rw\n", unix.Major(dev), unix.Minor(dev), point)
	}
	write(t, p.list, []byte(text))
	return p
}

// A volume that comes while its container runs is mounted below the container's
// root, has the image's content at its first use, and leaves with the last mount.
func TestAttach(t *testing.T) {
	f := newVolumeFixture(t)
	p := f.running(t, "/data", `/my\040data`)
	if err := errors.Join(os.Mkdir(filepath.Join(p.root, "etc"), 0o755), os.Symlink("/../../etc", filepath.Join(p.root, "out"))); err != nil {
		t.Fatal(err)
	}
	first := guestapi.Volume{Device: "vol", Path: "/srv"}
	for _, v := range []guestapi.Volume{first, {Device: "vol", Path: "/out/sub", Subpath: "www", ReadOnly: true}} {
		if err := f.Attach(t.Context(), "c1", p, v); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(f.data("www/index.html")); string(got) != "hello" {
		t.Errorf("content %q", got)
	}
	if err := f.Detach(t.Context(), "c1", p, "vol", []guestapi.Volume{first}); err != nil {
		t.Fatal(err)
	}
	want := []string{"graft  on /inside/srv rw", "graft www on /inside/etc/sub ro", "prune /data /my data", "unused vdd"}
	if got := f.system.grafts; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if len(f.volumes.mounted) != 0 {
		t.Errorf("left: %+v", &f.volumes)
	}
	if err := f.Detach(t.Context(), "c1", p, "vol", nil); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
}

// A failed attach leaves nothing, unless the container uses the volume as well.
func TestAttachFails(t *testing.T) {
	for name, tc := range map[string]struct {
		volume guestapi.Volume
		code   string
	}{
		"file":     {guestapi.Volume{Device: "vol", Path: "/file"}, "path_conflict"},
		"subpath":  {guestapi.Volume{Device: "vol", Path: "/a", Subpath: "none"}, "volume_subpath_invalid"},
		"no ext4":  {guestapi.Volume{Device: "root", Path: "/a"}, "mount_failed"},
		"no graft": {guestapi.Volume{Device: "vol", Path: "/a"}, "mount_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeFixture(t)
			if name == "no graft" {
				f.system.fail["graft"] = errors.New("no")
			}
			p := f.running(t)
			if err := f.Attach(t.Context(), "c1", p, tc.volume); !apierr.Is(err, tc.code) {
				t.Fatal(err)
			}
			if len(f.volumes.mounted)+len(f.volumes.used["c1"]) != 0 {
				t.Errorf("left: %+v", &f.volumes)
			}
		})
	}
}

// A detach that fails, at whatever step, leaves the mounts.
func TestDetachBusy(t *testing.T) {
	for _, step := range []string{"prune", "unused", "hidden"} {
		t.Run(step, func(t *testing.T) {
			f := newVolumeFixture(t)
			v := guestapi.Volume{Device: "vol", Path: "/srv"}
			if _, err := f.Prepare(t.Context(), "c1", withVolumes(v)); err != nil {
				t.Fatal(err)
			}
			p := f.running(t, "/srv")
			f.system.fail[step] = unix.EBUSY
			if step == "hidden" {
				list, err := os.ReadFile(p.list)
				if err != nil {
					t.Fatal(err)
				}
				write(t, p.list, append(list, "23 22 0:98 / /srv rw - tmpfs tmpfs rw\n"...))
			}
			// In the fake all is one file system, so that the path seems mounted.
			if err := os.Mkdir(filepath.Join(p.root, "srv"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := f.Detach(t.Context(), "c1", p, "vol", []guestapi.Volume{v}); !apierr.Is(err, "volume_busy") {
				t.Fatal(err)
			}
			if step != "unused" && f.volumeOf("c1", "vol") == nil {
				t.Error("the container does not use it any more")
			}
			if step == "hidden" && len(f.system.grafts) != 0 {
				t.Errorf("%q", f.system.grafts)
			}
			if err := f.Release(t.Context(), "c1"); err != nil {
				t.Fatal(err)
			}
			f.clean(t)
		})
	}
}

// A volume that others use stays mounted.
func TestDetachShared(t *testing.T) {
	f := newVolumeFixture(t)
	v := guestapi.Volume{Device: "vol", Path: "/srv"}
	for _, id := range []string{"c1", "c2"} {
		if _, err := f.Prepare(t.Context(), id, withVolumes(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Detach(t.Context(), "c1", f.running(t, "/srv"), "vol", nil); err != nil {
		t.Fatal(err)
	}
	if m := f.volumeOf("c2", "vol"); m == nil || m.users != 1 || strings.Join(f.system.grafts, ",") != "prune /srv" {
		t.Errorf("%+v, %q", m, f.system.grafts)
	}
}

func TestMountInfoErrors(t *testing.T) {
	for _, text := range []string{"1 2\n", "1 2 x / / rw\n"} {
		if _, err := readMountInfo(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if got := unescape(`/a\134b\x`); got != `/a\b\x` {
		t.Errorf("%q", got)
	}
}
