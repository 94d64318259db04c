package container_test

import (
	"slices"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// use has a container use a volume and removes it again.
func (p *plane) use(mount cardplane.VolumeMount) {
	p.w.t.Helper()
	c := p.end(p.run("true", func(s *cardplane.ContainerSpec) { s.Volumes = []cardplane.VolumeMount{mount} }).ID)
	if err := p.Remove(p.w.ctx, c.ID, false, ""); err != nil {
		p.w.t.Fatalf("%+v", err)
	}
}

var writeData = cardplane.VolumeMount{Volume: "data", Path: "/data"}

// disks returns the disks that the host has.
func (w *world) disks() []hostapi.Disk {
	w.t.Helper()
	all, err := w.host.Link().Disks(w.ctx)
	return must(w.t, all, err)
}

// The host makes a copy, and what a source that was never used has not is not
// copied.
func TestVolumeCopy(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	p.use(writeData)
	made, err := p.Volumes().Create(w.ctx, cardplane.VolumeSpec{Name: "copy", Source: "data", SizeBytes: 2 * cardplane.DefaultVolumeBytes}, "")
	must(t, made, err)
	if made.SourceID == "" || !slices.ContainsFunc(w.disks(), func(d hostapi.Disk) bool {
		return d.Spec.FromDisk != nil && d.Spec.SizeBytes == 2*cardplane.DefaultVolumeBytes
	}) {
		t.Fatalf("%+v, disks %+v", made, w.disks())
	}
	w.wantClean(p, 2)
	// A container has the copy as it is, also when the source is gone.
	if err := p.Volumes().Remove(w.ctx, "data"); err != nil {
		t.Fatal(err)
	}
	p.use(cardplane.VolumeMount{Volume: "copy", Path: "/data", ReadOnly: true})
	w.wantClean(p, 1)
	for _, name := range []string{"unused", "copy-of-unused"} {
		spec := cardplane.VolumeSpec{Name: name}
		if name != "unused" {
			spec.Source = "unused"
		}
		made, err := p.Volumes().Create(w.ctx, spec, "")
		if must(t, made, err).SourceID != "" {
			t.Errorf("%+v", made)
		}
	}
	w.wantClean(p, 1)
}

// The control plane is killed before and after every step of a copy. The next
// one finds nothing of it, or all, and the source free for a writer.
func TestVolumeCopyKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"before PutDisk", "after PutDisk", "before volume.create", "after volume.create"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t, "")
			first := w.open(nil)
			first.use(writeData)
			first.close()
			clone := func(p *plane) error {
				_, err := p.Volumes().Create(w.ctx, cardplane.VolumeSpec{Name: "copy", Source: "data"}, "key")
				return err
			}
			w.killed(crashPoint{op, 1}, func(p *plane) { _ = clone(p) })
			p := w.open(nil)
			disks := 1
			if _, err := p.Volumes().Get(w.ctx, "copy"); err == nil {
				disks = 2
			}
			w.wantClean(p, disks)
			p.use(writeData)
			if err := clone(p); err != nil {
				t.Fatalf("%+v", err)
			}
			w.wantClean(p, 2)
		})
	}
}
