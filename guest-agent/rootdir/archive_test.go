package rootdir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// A volume that was never used becomes empty when it is written to, and stays as
// it is when it is read.
func TestOpenVolume(t *testing.T) {
	f := newVolumeFixture(t)
	if _, _, err := f.OpenVolume(t.Context(), guestapi.Volume{Device: "vol", ReadOnly: true}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("read: %v", err)
	}
	if len(f.volumes.mounted)+len(f.volumes.used) != 0 {
		t.Errorf("left: %v, %v", f.volumes.mounted, f.volumes.used)
	}
	dir, release, err := f.OpenVolume(t.Context(), guestapi.Volume{Device: "vol"})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := dir.Stat(); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	// A container that comes meanwhile shares it, and keeps it.
	if _, err := f.Prepare(t.Context(), "c1", withVolumes(guestapi.Volume{Device: "vol", Path: "/srv"})); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dir.Close(), release()); err != nil {
		t.Fatal(err)
	}
	if len(f.volumes.mounted) != 1 {
		t.Error("the container's volume is not mounted any more")
	}
	if _, err := os.Stat(f.data("www")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a volume that was written to has got the image's content: %v", err)
	}
	if err := f.Release(t.Context(), "c1"); err != nil {
		t.Fatal(err)
	}
	f.clean(t)
}

// Nothing is left of what fails.
func TestOpenVolumeFails(t *testing.T) {
	f := newVolumeFixture(t)
	write(t, filepath.Join(f.dir, "volumes/vol", volumeData), nil)
	if _, _, err := f.OpenVolume(t.Context(), guestapi.Volume{Device: "vol"}); err == nil {
		t.Error("a file was opened as a directory")
	}
	if len(f.volumes.mounted)+len(f.volumes.used) != 0 {
		t.Errorf("left: %v, %v", f.volumes.mounted, f.volumes.used)
	}
}
