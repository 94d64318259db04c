package container_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// tarWith returns a tar with one file.
func tarWith(t *testing.T, name string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Uid: os.Geteuid(), Gid: os.Getegid()}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &out
}

// An export that nobody reads to its end keeps the volume from being removed and
// from being written to, and leaves it free.
func TestVolumeExportBrokenOff(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	made, err := p.Volumes().Create(w.ctx, cardplane.VolumeSpec{Name: "data"}, "")
	must(t, made, err)
	if err := p.Volumes().Import(w.ctx, "data", tarWith(t, "a")); err != nil { // which leaves it in order
		t.Fatalf("%+v", err)
	}
	archive, err := p.Volumes().Export(w.ctx, "data")
	must(t, archive, err)
	if err := p.Volumes().Remove(w.ctx, "data"); !apierr.Is(err, "volume_in_use") {
		t.Errorf("remove: %v", err)
	}
	if err := p.Volumes().Import(w.ctx, "data", tarWith(t, "a")); !apierr.Is(err, "volume_in_use") {
		t.Errorf("import: %v", err)
	}
	copied, err := p.Volumes().Create(w.ctx, cardplane.VolumeSpec{Source: "data"}, "")
	must(t, copied, err)
	for range 2 {
		_ = archive.Close()
	}
	w.wantClean(p, 2)
	if err := p.Volumes().Import(w.ctx, "data", tarWith(t, "a")); err != nil {
		t.Fatalf("%+v", err)
	}
	if err := p.Volumes().Remove(w.ctx, "data"); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 1)
}

// A machine that cannot be started leaves nothing, and the volume free.
func TestVolumeExportWithoutHost(t *testing.T) {
	w := newWorld(t, "silent")
	w.bootTimeout = 1
	p := w.open(nil)
	made, err := p.Volumes().Create(w.ctx, cardplane.VolumeSpec{Name: "data"}, "")
	must(t, made, err)
	if _, err := p.Volumes().Export(w.ctx, "data"); err == nil {
		t.Error("an export without a guest")
	}
	if err := p.Volumes().Remove(w.ctx, "data"); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// The control plane is killed before and after every step of an import. The next
// one takes the machine away, and the volume is free.
func TestVolumeImportKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, op := range []string{
		"before PutDisk", "after PutDisk", "before PutVM", "after PutVM", "before Tunnel vsock", "after Tunnel vsock", "before DeleteVM", "after DeleteVM",
	} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t, "")
			first := w.open(nil)
			made, err := first.Volumes().Create(w.ctx, cardplane.VolumeSpec{Name: "data"}, "")
			must(t, made, err)
			first.close()
			w.killed(crashPoint{op, 1}, func(p *plane) { _ = p.Volumes().Import(w.ctx, "data", tarWith(t, "a")) })
			p := w.open(nil)
			err = p.Volumes().Import(w.ctx, "data", tarWith(t, "a"))
			for apierr.Is(err, "volume_in_use") { // the first one's machine has it
				err = p.Volumes().Import(w.ctx, "data", tarWith(t, "a"))
			}
			if err != nil {
				t.Fatalf("%+v", err)
			}
			w.noVM()
			p.use(writeData)
			w.wantClean(p, 1)
		})
	}
}

// noVM waits until the host has no VM.
func (w *world) noVM() {
	w.t.Helper()
	for {
		vms, err := w.host.Link().VMs(w.ctx)
		if must(w.t, vms, err); len(vms) == 0 {
			return
		}
	}
}
