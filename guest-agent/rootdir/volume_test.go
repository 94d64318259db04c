package rootdir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// newVolumeFixture is a fixture with an image that has /srv, and a volume of
// 1 GiB, "vol", that was never used.
func newVolumeFixture(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.plug(t, "vdd", "vol", 1<<30, ext4Super(16384, 2))
	image := filepath.Join(f.dir, "images", "image-img")
	write(t, filepath.Join(image, "srv/www/index.html"), []byte("hello"))
	if err := errors.Join(os.Chmod(filepath.Join(image, "srv"), 0o750), os.Symlink("/srv", filepath.Join(image, "link")),
		os.Symlink("www", filepath.Join(image, "srv/current"))); err != nil {
		t.Fatal(err)
	}
	return f
}

func withVolumes(volumes ...guestapi.Volume) *guestapi.ContainerConfig {
	c := config(guestapi.WritableNone)
	c.Volumes = volumes
	return c
}

func (f *fixture) data(name ...string) string {
	return filepath.Join(append([]string{f.dir, "volumes/vol/data"}, name...)...)
}

// The first use copies what the image has at the path; later ones keep it.
func TestVolumeFirstUse(t *testing.T) {
	for path, want := range map[string]string{"/srv": "hello", "/link": "hello", "/srv/current": "", "/nothing": ""} {
		t.Run(path, func(t *testing.T) {
			f := newVolumeFixture(t)
			root, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "vol", Path: path}))
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(f.data("www/index.html")); string(got) != want {
				t.Errorf("content %q, want %q", got, want)
			}
			if info, err := os.Stat(f.data()); err != nil || want != "" && info.Mode().Perm() != 0o750 {
				t.Errorf("%v, %v", info, err)
			}
			if len(root.Mounts) != 1 || root.Mounts[0].Destination != path || !strings.Contains(strings.Join(root.Mounts[0].Options, ","), "rw") {
				t.Errorf("mounts %+v", root.Mounts)
			}
			if want := []string{"volumes/vol 262144"}; !reflect.DeepEqual(f.system.resized, want) {
				t.Errorf("resized %q", f.system.resized)
			}
		})
	}
	f := newVolumeFixture(t)
	write(t, f.data("mine"), nil)
	write(t, filepath.Join(f.dir, "volumes/vol", volumeDraft, "half"), nil)
	if _, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "vol", Path: "/srv"})); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.data("www")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a volume that was used has got the image's content: %v", err)
	}
}

// A draft that a power cut has left is thrown away.
func TestVolumeFirstUseAgain(t *testing.T) {
	f := newVolumeFixture(t)
	write(t, filepath.Join(f.dir, "volumes/vol", volumeDraft, "half"), nil)
	if _, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "vol", Path: "/srv"})); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.data("half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a copy was taken for the whole: %v", err)
	}
}

// A volume is mounted once for all who use it, and until the last has gone.
func TestVolumeShared(t *testing.T) {
	f := newVolumeFixture(t)
	both := withVolumes(guestapi.Volume{Device: "vol", Path: "/a"}, guestapi.Volume{Device: "vol", Path: "/b", ReadOnly: true})
	for _, id := range []string{"c1", "c2"} {
		root, err := f.Prepare(t.Context(), id, both)
		if err != nil {
			t.Fatal(err)
		}
		if options := strings.Join(root.Mounts[1].Options, ","); !strings.Contains(options, "ro") {
			t.Errorf("options %s", options)
		}
	}
	times := 0
	for _, mount := range f.system.mounts {
		if mount == "volumes/vol" {
			times++
		}
	}
	if times != 1 {
		t.Errorf("mounts %q", f.system.mounts)
	}
	for i, id := range []string{"c1", "c2"} {
		for range 2 { // it may be repeated
			if err := f.Release(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		if left := len(f.volumes.mounted); left != 1-i {
			t.Errorf("%d volumes are mounted after container %d has gone", left, i+1)
		}
	}
	f.clean(t)
	if len(f.volumes.mounted)+len(f.volumes.used) != 0 {
		t.Errorf("left: %+v", &f.volumes)
	}
}

func TestVolumeErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		volume      guestapi.Volume
		code, field string
	}{
		"no file system":     {guestapi.Volume{Device: "root", Path: "/a"}, "mount_failed", "/volumes/0/device"},
		"never used":         {guestapi.Volume{Device: "vol", Path: "/a", ReadOnlyDevice: true}, "mount_failed", "/volumes/0/device"},
		"no such directory":  {guestapi.Volume{Device: "vol", Path: "/srv", Subpath: "none"}, "volume_subpath_invalid", "/volumes/0/subpath"},
		"link that leads on": {guestapi.Volume{Device: "vol", Path: "/srv", Subpath: "out"}, "volume_subpath_invalid", "/volumes/0/subpath"},
		"file":               {guestapi.Volume{Device: "vol", Path: "/srv", Subpath: "www/index.html"}, "volume_subpath_invalid", "/volumes/0/subpath"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newVolumeFixture(t)
			if err := os.Symlink("/etc", filepath.Join(f.dir, "images/image-img/srv/out")); err != nil {
				t.Fatal(err)
			}
			_, err := f.Prepare(t.Context(), "c1", withVolumes(tc.volume))
			if e := apierr.From(err); e.Code != tc.code || e.Field != tc.field {
				t.Fatalf("%q at %q: %v", e.Code, e.Field, err)
			}
		})
	}
}

// A raw volume is its device, whose rules say who may write. No file system is
// looked for on it.
func TestRawVolume(t *testing.T) {
	f := newVolumeFixture(t)
	f.plug(t, "vde", "raw", 1<<30, nil)
	root, err := f.Prepare(t.Context(), "c1", withVolumes(
		guestapi.Volume{Device: "raw", Path: "/dev/data", Raw: true}, guestapi.Volume{Device: "raw", Path: "/dev/look", Raw: true, ReadOnly: true}))
	if err != nil {
		t.Fatal(err)
	}
	if len(root.Mounts) != 2 || root.Mounts[0].Destination != "/dev/data" || filepath.Base(root.Mounts[0].Source) != "vde" {
		t.Errorf("mounts %+v", root.Mounts)
	}
	if d := root.Devices; len(d) != 2 || d[0].Access != "rw" || d[1].Access != "r" || *d[0].Major != 254 || *d[0].Minor != 4 || d[0].Type != "b" || !d[0].Allow {
		t.Errorf("rules %+v", d)
	}
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
	f.system.fail["share"] = errors.New("no")
	if _, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "raw", Path: "/dev/data", Raw: true})); err == nil {
		t.Error("a node that cannot be shared is no error")
	}
	f.clean(t)
}

// A volume that is mounted to write follows its disk, also while something else
// grows it.
func TestGrowVolume(t *testing.T) {
	f := newVolumeFixture(t)
	err := f.GrowVolume(t.Context(), "vol", 2<<30)
	if !apierr.Is(err, "device_not_found") {
		t.Fatalf("before it is mounted: %v", err)
	}
	if _, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "vol", Path: "/data"})); err != nil {
		t.Fatal(err)
	}
	f.system.resized = nil
	f.system.busy = 2
	f.plug(t, "vdd", "vol", 2<<30, ext4Super(262144, 2))
	if err := f.GrowVolume(t.Context(), "vol", 2<<30); err != nil {
		t.Fatal(err)
	}
	if got := f.system.resized; len(got) != 3 || got[2] != "volumes/vol 524288" {
		t.Errorf("resized %q", got)
	}
	f.system.fail["resize"] = errors.New("no")
	if err := f.GrowVolume(t.Context(), "vol", 2<<30); !apierr.Is(err, "grow_failed") {
		t.Errorf("a failure: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.GrowVolume(ctx, "vol", 4<<30); !apierr.Is(err, "device_not_found") {
		t.Errorf("a disk that does not grow: %v", err)
	}
}
