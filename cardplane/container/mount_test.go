package container_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/sandbox"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// volume makes a volume, if there is none, and returns its serial.
func (p *plane) volume(name string) (serial string) {
	p.w.t.Helper()
	_, err := p.Volumes().Create(p.w.ctx, cardplane.VolumeSpec{Name: name}, "")
	if err != nil && !apierr.Is(err, "volume_exists") {
		p.w.t.Fatal(err)
	}
	v, err := p.Volumes().Get(p.w.ctx, name)
	return sandbox.VolumeSerial(must(p.w.t, v, err).ID)
}

// at is a mount of the volume "data".
func at(path string) cardplane.VolumeMount {
	return cardplane.VolumeMount{Volume: "data", Path: path}
}

func with(mounts ...cardplane.VolumeMount) func(*cardplane.ContainerSpec) {
	return func(spec *cardplane.ContainerSpec) { spec.Volumes = mounts }
}

// wantPlugged checks which volumes the one machine on the host has, and who leases
// "data".
func (w *world) wantPlugged(p *plane, owner string, serials ...string) {
	w.t.Helper()
	vms, err := w.host.Link().VMs(w.ctx)
	must(w.t, vms, err)
	var got []string
	for name := range vms[0].Paths.Attachments {
		if strings.HasPrefix(name, "vol-") {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, serials) {
		w.t.Errorf("plugged in: %v, want %v", got, serials)
	}
	leases, err := p.store.Leases(owner)
	if _, leased := must(w.t, leases, err)["data"]; leased != (len(serials) > 0) {
		w.t.Errorf("leases %v", leases)
	}
}

// paths are where a container of the n-th machine has mounted a device.
func (w *world) paths(n int, id, serial string) (list []string) {
	for _, v := range w.agent(n).Mounts(id, serial) {
		list = append(list, v.Path)
	}
	return list
}

// A volume comes to a running container and leaves it, with its disk and its lease;
// so does one that the container was started with. The next start has what there is.
func TestAttachWhileRunning(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	serial := p.volume("data")
	c := p.run("sleep 1000", with(at("/own")))
	got, err := p.AttachVolume(w.ctx, c.ID, at("/data"))
	if must(t, got, err); !slices.Equal(got.Spec.Volumes, []cardplane.VolumeMount{at("/own"), at("/data")}) {
		t.Errorf("mounts %+v", got.Spec.Volumes)
	}
	if got := w.paths(0, c.ID, serial); !slices.Equal(got, []string{"/own", "/data"}) {
		t.Errorf("in the guest: %v", got)
	}
	for range 2 { // also of what came while it ran
		got, err = p.DetachVolume(w.ctx, c.ID, "data")
		if must(t, got, err); len(got.Spec.Volumes) != 0 || len(w.paths(0, c.ID, serial)) != 0 {
			t.Errorf("mounts %+v, in the guest %v", got.Spec.Volumes, w.paths(0, c.ID, serial))
		}
		w.wantPlugged(p, c.ID)
		got, err = p.AttachVolume(w.ctx, c.ID, at("/data"))
		must(t, got, err)
		w.wantPlugged(p, c.ID, serial)
	}
	if _, err := p.Stop(w.ctx, c.ID, cardplane.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Start(w.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.paths(1, c.ID, serial); !slices.Equal(got, []string{"/data"}) {
		t.Errorf("after a restart: %v", got)
	}
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.Volumes().Remove(w.ctx, "data"); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// A mount that the guest refuses leaves nothing; neither does a volume that another
// has, and a busy one stays.
func TestAttachRefused(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	serial := p.volume("data")
	c := p.run("sleep 1000")
	if _, err := p.AttachVolume(w.ctx, c.ID, at("/file")); !apierr.Is(err, "path_conflict") {
		t.Errorf("at a file: %v", err)
	}
	w.wantPlugged(p, c.ID)
	if got, err := p.Get(w.ctx, c.ID); err != nil || len(got.Spec.Volumes) != 0 {
		t.Errorf("%+v, %v", got.Spec.Volumes, err)
	}
	if _, err := p.AttachVolume(w.ctx, c.ID, at("/data")); err != nil {
		t.Fatal(err)
	}
	w.agent(0).Use(serial, true)
	if _, err := p.DetachVolume(w.ctx, c.ID, "data"); !apierr.Is(err, "volume_busy") {
		t.Errorf("while a program uses it: %v", err)
	}
	w.wantPlugged(p, c.ID, serial)
	p.wantEvents(c.ID, cardplane.ContainerCreated, cardplane.ContainerStarted, cardplane.VolumeAttached)
	w.agent(0).Use(serial, false)
	if _, err := p.DetachVolume(w.ctx, c.ID, "data"); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
}

// In a sandbox a volume stays for as long as another container uses it.
func TestDetachInSandbox(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	serial := p.volume("data")
	box, err := p.Sandboxes().Create(w.ctx, cardplane.SandboxSpec{Name: "box"}, "")
	must(t, box, err)
	inBox := func(spec *cardplane.ContainerSpec) { spec.Sandbox = "box" }
	one, two := p.run("sleep 1000", inBox, with(at("/data"))), p.run("sleep 1000", inBox)
	owner := store.OwnerSandbox + box.ID
	if _, err := p.AttachVolume(w.ctx, two.ID, at("/data")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.DetachVolume(w.ctx, one.ID, "data"); err != nil {
		t.Fatal(err)
	}
	w.wantPlugged(p, owner, serial)
	if _, err := p.DetachVolume(w.ctx, two.ID, "data"); err != nil {
		t.Fatal(err)
	}
	w.wantPlugged(p, owner)
	if err := p.Volumes().Remove(w.ctx, "data"); err != nil {
		t.Error(err)
	}
	if err := p.Sandboxes().Remove(w.ctx, "box", true); err != nil {
		t.Fatal(err)
	}
	w.wantClean(p, 0)
}

// The control plane is killed before and after every call and event of an attach and
// a detach. The next one finishes it, or takes it back, and nothing is left over.
func TestKilledWhileMounting(t *testing.T) {
	t.Parallel()
	for _, point := range crashPoints(t, (*plane).liveMount) {
		t.Run(point.String(), func(t *testing.T) {
			w := newWorld(t, "")
			w.killed(point, func(p *plane) { _, _ = p.liveMount() })
			p := w.open(nil)
			if _, err := p.liveMount(); err != nil {
				t.Fatalf("%+v", err)
			}
			if err := p.Volumes().Remove(w.ctx, "data"); err != nil && !apierr.Is(err, "volume_not_found") {
				t.Error(err)
			}
			w.wantClean(p, 0)
		})
	}
}

// liveMount takes a container through the coming and going of a volume, from
// wherever it is.
func (p *plane) liveMount() (string, error) {
	if _, err := p.Volumes().Create(p.w.ctx, cardplane.VolumeSpec{Name: "data"}, "data"); err != nil {
		return "", err
	}
	return p.through((*plane).stepStart, (*plane).stepAttach, (*plane).stepDetach, (*plane).stepStop)
}

func (p *plane) stepAttach(c cardplane.Container) error {
	if c.State != cardplane.Running || p.told(c.ID, cardplane.VolumeAttached) {
		return nil
	}
	err := again(func() error {
		_, err := p.AttachVolume(p.w.ctx, c.ID, at("/data"))
		return err
	})
	if apierr.Is(err, "invalid_volume_path") { // the control plane has finished it
		return nil
	}
	return err
}

// again repeats what a host that is not reached yet leaves undone.
func again(do func() error) error {
	for {
		if err := do(); !apierr.Is(err, "host_unavailable") {
			return err
		}
	}
}

func (p *plane) stepDetach(c cardplane.Container) error {
	if c.State != cardplane.Running || p.told(c.ID, cardplane.VolumeDetached) {
		return nil
	}
	err := again(func() error {
		_, err := p.DetachVolume(p.w.ctx, c.ID, "data")
		return err
	})
	if apierr.Is(err, "volume_not_attached") {
		return nil
	}
	return err
}

// A guest that ends in the middle takes nothing with it: the container has the volume
// at its next start.
func TestGuestEndsWhileMounting(t *testing.T) {
	w := newWorld(t, "")
	p := w.open(nil)
	serial := p.volume("data")
	c := p.run("sleep 1000")
	w.guests[0].Stall()
	done := make(chan error, 1)
	go func() {
		_, err := p.AttachVolume(w.ctx, c.ID, at("/data"))
		done <- err
	}()
	for { // until it is plugged in
		vms, err := w.host.Link().VMs(w.ctx)
		must(t, vms, err)
		if _, there := vms[0].Paths.Attachments[serial]; there {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := p.stepKillMachine(c); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("attach: %v", err)
	}
	p.end(c.ID)
	got, err := p.Start(w.ctx, c.ID)
	if must(t, got, err); !slices.Equal(w.paths(1, c.ID, serial), []string{"/data"}) {
		t.Errorf("mounts %+v, in the guest %v", got.Spec.Volumes, w.paths(1, c.ID, serial))
	}
	if err := p.Remove(w.ctx, c.ID, true, ""); err != nil {
		t.Fatal(err)
	}
}
