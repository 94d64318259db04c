package cardplanetest

import (
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func (s *suite) volumes() {
	name := "volume-" + newID(4)
	spec := cardplane.VolumeSpec{Name: name, Labels: map[string]string{"made": name}}
	made, err := s.Volumes.Create(s.ctx, spec, name)
	s.ok(err)
	again, err := s.Volumes.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "volume of the same key", again.ID, made.ID)
	_, err = s.Volumes.Create(s.ctx, cardplane.VolumeSpec{}, name)
	s.fails(err, apierr.FailedPrecondition, "idempotency_key_reused")
	equal(s, "size", made.SizeBytes, int64(cardplane.DefaultVolumeBytes))
	for _, ref := range []string{name, made.ID} {
		got, err := s.Volumes.Get(s.ctx, ref)
		s.ok(err)
		equal(s, "volume", got.ID, made.ID)
	}
	_, err = s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name}, "")
	s.fails(err, apierr.AlreadyExists, "volume_exists")
	_, err = s.Volumes.Get(s.ctx, "nonesuch")
	s.fails(err, apierr.NotFound, "volume_not_found")
	found, err := s.Volumes.List(s.ctx, cardplane.VolumeFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "volumes with the label", len(found), 1)

	mount := func(spec *cardplane.ContainerSpec) {
		spec.Volumes = []cardplane.VolumeMount{{Volume: name, Path: "/data"}}
	}
	writer := s.running(mount, "sleep", "1000")
	s.fails(s.Volumes.Remove(s.ctx, name), apierr.FailedPrecondition, "volume_in_use")
	const larger = 2 * cardplane.DefaultVolumeBytes
	grown, err := s.Volumes.Resize(s.ctx, name, larger)
	s.ok(err)
	equal(s, "new size", grown.SizeBytes, int64(larger))
	_, err = s.Volumes.Resize(s.ctx, name, larger)
	s.ok(err)
	_, err = s.Volumes.Resize(s.ctx, name, cardplane.DefaultVolumeBytes)
	s.fails(err, apierr.FailedPrecondition, "volume_cannot_shrink")
	second := s.newContainer(mount, "sleep", "1000")
	_, err = s.Containers.Start(s.ctx, second.ID)
	s.fails(err, apierr.FailedPrecondition, "volume_in_use")
	s.ok(s.Containers.Remove(s.ctx, writer.ID, true, ""))
	_, err = s.Containers.Start(s.ctx, second.ID)
	s.ok(err)
	used, err := s.Volumes.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "pruned while in use", len(used.IDs), 0)
	s.ok(s.Containers.Remove(s.ctx, second.ID, true, ""))
	kept, err := s.Volumes.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}, Until: made.CreatedAt})
	s.ok(err)
	equal(s, "pruned before it was made", len(kept.IDs), 0)
	gone, err := s.Volumes.Prune(s.ctx, cardplane.PruneFilter{Labels: []string{"made=" + name}})
	s.ok(err)
	equal(s, "pruned", strings.Join(gone.IDs, " "), name)
	s.fails(s.Volumes.Remove(s.ctx, name), apierr.NotFound, "volume_not_found")
}

// A volume is copied while nobody writes to it.
func (s *suite) volumeCopies() {
	source, name := "volume-"+newID(4), "volume-"+newID(4)
	_, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name, Source: source}, "")
	s.fails(err, apierr.NotFound, "volume_not_found")
	c := s.running(func(spec *cardplane.ContainerSpec) {
		spec.Volumes = []cardplane.VolumeMount{{Volume: source, Path: "/data"}}
	}, "sleep", "1000")
	_, err = s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name, Source: source}, "")
	s.fails(err, apierr.FailedPrecondition, "volume_in_use")
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))

	spec := cardplane.VolumeSpec{Name: name, Source: source}
	made, err := s.Volumes.Create(s.ctx, spec, name)
	s.ok(err)
	original, err := s.Volumes.Get(s.ctx, source)
	s.ok(err)
	equal(s, "source", made.SourceID, original.ID)
	equal(s, "size", made.SizeBytes, original.SizeBytes)
	again, err := s.Volumes.Create(s.ctx, spec, name)
	s.ok(err)
	equal(s, "copy of the same key", again.ID, made.ID)
	_, err = s.Volumes.Create(s.ctx, spec, "")
	s.fails(err, apierr.AlreadyExists, "volume_exists")
	small := cardplane.VolumeSpec{Source: name, SizeBytes: cardplane.MinVolumeBytes}
	_, err = s.Volumes.Create(s.ctx, small, "")
	s.fails(err, apierr.FailedPrecondition, "volume_cannot_shrink")
	large, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Source: made.ID, SizeBytes: 2 * made.SizeBytes}, "")
	s.ok(err)
	equal(s, "size of a larger copy", large.SizeBytes, 2*made.SizeBytes)
	for _, ref := range []string{source, name, large.Name} {
		s.ok(s.Volumes.Remove(s.ctx, ref))
	}
}

// A volume comes to a container and leaves it, whether it runs or not, and is free
// for others in between.
func (s *suite) volumeMounts() {
	name := "volume-" + newID(4)
	data := cardplane.VolumeMount{Volume: name, Path: "/data"}
	c := s.running(nil, "sleep", "1000")
	_, err := s.Containers.AttachVolume(s.ctx, c.ID, data)
	s.fails(err, apierr.NotFound, "volume_not_found")
	made, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name}, "")
	s.ok(err)
	_, err = s.Containers.AttachVolume(s.ctx, "nonesuch", data)
	s.fails(err, apierr.NotFound, "container_not_found")
	_, err = s.Containers.DetachVolume(s.ctx, c.ID, name)
	s.fails(err, apierr.FailedPrecondition, "volume_not_attached")
	_, err = s.Containers.AttachVolume(s.ctx, c.ID, cardplane.VolumeMount{Volume: name, Path: "/"})
	s.fails(err, apierr.InvalidArgument, "invalid_volume_path")

	on, err := s.Containers.AttachVolume(s.ctx, c.ID, cardplane.VolumeMount{Volume: made.ID, Path: "/data"})
	s.ok(err)
	equal(s, "mounts", len(on.Spec.Volumes), 1)
	equal(s, "mount", on.Spec.Volumes[0], data)
	_, err = s.Containers.AttachVolume(s.ctx, c.ID, data)
	s.fails(err, apierr.InvalidArgument, "invalid_volume_path")
	on, err = s.Containers.AttachVolume(s.ctx, c.ID, cardplane.VolumeMount{Volume: name, Path: "/again", ReadOnly: true})
	s.ok(err)
	equal(s, "mounts of both", len(on.Spec.Volumes), 2)
	s.fails(s.Volumes.Remove(s.ctx, name), apierr.FailedPrecondition, "volume_in_use")

	other := s.running(nil, "sleep", "1000")
	_, err = s.Containers.AttachVolume(s.ctx, other.ID, data)
	s.fails(err, apierr.FailedPrecondition, "volume_in_use")
	untouched, err := s.Containers.Get(s.ctx, other.ID)
	s.ok(err)
	equal(s, "mounts after a refusal", len(untouched.Spec.Volumes), 0)
	off, err := s.Containers.DetachVolume(s.ctx, c.ID, name)
	s.ok(err)
	equal(s, "mounts after", len(off.Spec.Volumes), 0)
	_, err = s.Containers.AttachVolume(s.ctx, other.ID, data)
	s.ok(err)
	s.ok(s.Containers.Remove(s.ctx, other.ID, true, ""))
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))

	idle := s.newContainer(nil, "true")
	on, err = s.Containers.AttachVolume(s.ctx, idle.ID, data)
	s.ok(err)
	equal(s, "mounts of one that does not run", len(on.Spec.Volumes), 1)
	s.fails(s.Volumes.Remove(s.ctx, name), apierr.FailedPrecondition, "volume_in_use")
	_, err = s.Containers.DetachVolume(s.ctx, idle.ID, made.ID)
	s.ok(err)
	s.ok(s.Volumes.Remove(s.ctx, name))
	s.ok(s.Containers.Remove(s.ctx, idle.ID, false, ""))
}

// A raw volume is copied, grown and mounted like another, and has no files.
func (s *suite) volumeRaw() {
	name, copied := "volume-"+newID(4), "volume-"+newID(4)
	made, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: name, Format: cardplane.FormatRaw}, "")
	s.ok(err)
	equal(s, "format", made.Format, cardplane.FormatRaw)
	_, err = s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Source: name, Format: cardplane.FormatExt4}, "")
	s.fails(err, apierr.FailedPrecondition, "volume_format_differs")
	clone, err := s.Volumes.Create(s.ctx, cardplane.VolumeSpec{Name: copied, Source: name}, "")
	s.ok(err)
	equal(s, "format of a copy", clone.Format, cardplane.FormatRaw)
	s.ok(s.Volumes.Remove(s.ctx, copied))

	disk := cardplane.VolumeMount{Volume: name, Path: "/dev/data"}
	part := disk
	part.Subpath = "dir"
	_, err = s.Containers.Create(s.ctx, cardplane.ContainerSpec{Image: s.Image, Command: []string{"true"}, Volumes: []cardplane.VolumeMount{part}}, "")
	s.fails(err, apierr.FailedPrecondition, "volume_is_raw")
	_, err = s.Volumes.Export(s.ctx, name)
	s.fails(err, apierr.FailedPrecondition, "volume_is_raw")
	s.fails(s.Volumes.Import(s.ctx, name, strings.NewReader("")), apierr.FailedPrecondition, "volume_is_raw")

	c := s.running(nil, "sleep", "1000")
	_, err = s.Containers.AttachVolume(s.ctx, c.ID, disk)
	s.fails(err, apierr.FailedPrecondition, "volume_is_raw")
	s.ok(s.Containers.Remove(s.ctx, c.ID, true, ""))
	idle := s.newContainer(nil, "sleep", "1000")
	_, err = s.Containers.AttachVolume(s.ctx, idle.ID, disk)
	s.ok(err)
	_, err = s.Containers.Start(s.ctx, idle.ID)
	s.ok(err)
	_, err = s.Volumes.Resize(s.ctx, name, 2*cardplane.DefaultVolumeBytes)
	s.ok(err)
	_, err = s.Containers.DetachVolume(s.ctx, idle.ID, name)
	s.fails(err, apierr.FailedPrecondition, "volume_is_raw")
	s.ok(s.Containers.Remove(s.ctx, idle.ID, true, ""))
	s.ok(s.Volumes.Remove(s.ctx, name))
}

// A volume that a container names is made with the container.
func (s *suite) volumeByName() {
	name := "volume-" + newID(4)
	c := s.newContainer(func(spec *cardplane.ContainerSpec) {
		spec.Volumes = []cardplane.VolumeMount{{Volume: name, Path: "/data", ReadOnly: true}}
	}, "true")
	equal(s, "mount", c.Spec.Volumes[0].Path, "/data")
	_, err := s.Volumes.Get(s.ctx, name)
	s.ok(err)
	s.ok(s.Containers.Remove(s.ctx, c.ID, false, ""))
	s.ok(s.Volumes.Remove(s.ctx, name))
}
