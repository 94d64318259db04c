package cardplanetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// volumeService is a Memory seen as a cardplane.VolumeService. Only imports and
// exports see what is on its volumes.
type volumeService Memory

var _ cardplane.VolumeService = (*volumeService)(nil)

// Volumes returns the volume service.
func (m *Memory) Volumes() cardplane.VolumeService { return (*volumeService)(m) }

func (s *volumeService) memory() *Memory { return (*Memory)(s) }

func (s *volumeService) Create(_ context.Context, spec cardplane.VolumeSpec, key string) (cardplane.Volume, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	if made, err := answered[cardplane.Volume](m, "volume/"+key, spec); made != nil || err != nil {
		return *cmp.Or(made, &cardplane.Volume{}), err
	}
	made, err := m.createVolumeLocked(spec)
	if err == nil {
		m.rememberLocked("volume/"+key, spec, made)
	}
	return made, err
}

func (m *Memory) createVolumeLocked(spec cardplane.VolumeSpec) (cardplane.Volume, error) {
	if _, err := m.volumeLocked(spec.Name); err == nil {
		return cardplane.Volume{}, apierr.New(apierr.AlreadyExists, "volume_exists", "the volume %q exists", spec.Name).At("/name")
	}
	v := cardplane.Volume{
		ID: newID(16), Name: cmp.Or(spec.Name, newID(8)), SizeBytes: cmp.Or(spec.SizeBytes, cardplane.DefaultVolumeBytes),
		Format: spec.Format.Or(), Labels: spec.Labels, CreatedAt: m.nowLocked(),
	}
	if spec.Source != "" {
		source, err := m.copiedLocked(spec)
		if err != nil {
			return cardplane.Volume{}, err
		}
		if spec.Format != "" && spec.Format != source.Format {
			return cardplane.Volume{}, apierr.New(apierr.FailedPrecondition, "volume_format_differs", "its source is %s", source.Format).At("/format")
		}
		v.SourceID, v.SizeBytes, v.Format = source.ID, cmp.Or(spec.SizeBytes, source.SizeBytes), source.Format
	}
	if v.SizeBytes < cardplane.MinVolumeBytes || v.SizeBytes > cardplane.MaxVolumeBytes {
		return cardplane.Volume{}, apierr.New(apierr.InvalidArgument, "invalid_volume_size", "%d bytes", v.SizeBytes).At("/sizeBytes")
	}
	m.volumes = append(m.volumes, v)
	m.eventLocked(cardplane.VolumeCreated, v.ID, v.Name, nil)
	return v, nil
}

// copiedLocked returns the volume that spec asks for a copy of.
func (m *Memory) copiedLocked(spec cardplane.VolumeSpec) (cardplane.Volume, error) {
	source, err := m.volumeLocked(spec.Source)
	if err != nil {
		return source, apierr.From(err).At("/source/volume")
	}
	if spec.SizeBytes != 0 && spec.SizeBytes < source.SizeBytes {
		return source, apierr.New(apierr.FailedPrecondition, "volume_cannot_shrink", "it has %d bytes", source.SizeBytes).At("/sizeBytes")
	}
	for _, c := range m.containers {
		if write, _ := volumeUse(c, source.Name); write && c.State.Active() {
			return source, apierr.New(apierr.FailedPrecondition, "volume_in_use",
				"the volume %q is in use by container %s", source.Name, c.Name).At("/source/volume")
		}
	}
	return source, nil
}

func (m *Memory) volumeLocked(ref string) (cardplane.Volume, error) {
	i := slices.IndexFunc(m.volumes, func(v cardplane.Volume) bool { return v.Name == ref || v.ID == ref })
	if i < 0 {
		return cardplane.Volume{}, apierr.New(apierr.NotFound, "volume_not_found", "there is no volume %q", ref)
	}
	return m.volumes[i], nil
}

func (s *volumeService) Get(_ context.Context, ref string) (cardplane.Volume, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.volumeLocked(ref)
}

func (s *volumeService) List(_ context.Context, filter cardplane.VolumeFilter) ([]cardplane.Volume, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []cardplane.Volume
	for _, v := range m.volumes {
		if filter.Match(v) {
			out = append(out, v)
		}
	}
	return out, nil
}

func (s *volumeService) Resize(_ context.Context, ref string, size int64) (cardplane.Volume, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.volumeLocked(ref)
	switch {
	case err != nil:
		return v, err
	case size < cardplane.MinVolumeBytes || size > cardplane.MaxVolumeBytes:
		return v, apierr.New(apierr.InvalidArgument, "invalid_volume_size", "%d bytes", size).At("/sizeBytes")
	case size < v.SizeBytes:
		return v, apierr.New(apierr.FailedPrecondition, "volume_cannot_shrink", "it has %d bytes", v.SizeBytes).At("/sizeBytes")
	}
	i := slices.IndexFunc(m.volumes, func(other cardplane.Volume) bool { return other.ID == v.ID })
	m.volumes[i].SizeBytes = size
	m.eventLocked(cardplane.VolumeUpdated, v.ID, v.Name, nil)
	return m.volumes[i], nil
}

func (s *volumeService) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.VolumeFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	for _, v := range all {
		if !filter.Until.IsZero() && !v.CreatedAt.Before(filter.Until) {
			continue
		}
		err := s.Remove(ctx, v.ID)
		if apierr.Is(err, "volume_in_use") {
			continue
		}
		if err != nil {
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, v.Name)
	}
	return pruned, nil
}

func (s *volumeService) Remove(_ context.Context, ref string) error {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.volumeLocked(ref)
	if err != nil {
		return err
	}
	if m.carried[v.ID] > 0 {
		return apierr.New(apierr.FailedPrecondition, "volume_in_use", "the volume %q is in use by an export or import", v.Name)
	}
	for _, c := range m.containers {
		if _, uses := volumeUse(c, v.Name); uses {
			return apierr.New(apierr.FailedPrecondition, "volume_in_use", "the volume %q belongs to container %s", v.Name, c.Name)
		}
	}
	m.volumes = slices.DeleteFunc(m.volumes, func(other cardplane.Volume) bool { return other.ID == v.ID })
	m.eventLocked(cardplane.VolumeRemoved, v.ID, v.Name, nil)
	return nil
}

// volumeUse reports whether the container names the volume, and whether to
// write to it.
func volumeUse(c *container, name string) (write, uses bool) {
	for _, mount := range c.Spec.Volumes {
		if mount.Volume == name {
			write, uses = write || !mount.ReadOnly, true
		}
	}
	return write, uses
}

// makeVolumesLocked makes the volumes of spec that do not exist.
func (m *Memory) makeVolumesLocked(spec cardplane.ContainerSpec) error {
	for _, mount := range spec.Volumes {
		if v, err := m.volumeLocked(mount.Volume); err == nil {
			if v.Format == cardplane.FormatRaw && mount.Subpath != "" {
				return volumeIsRaw(v)
			}
			continue
		}
		if _, err := m.createVolumeLocked(cardplane.VolumeSpec{Name: mount.Volume}); err != nil {
			return err
		}
	}
	return nil
}

// checkVolumesLocked refuses a start beside one that it cannot stand beside.
func (m *Memory) checkVolumesLocked(c *container) error {
	for _, other := range m.containers {
		for _, mount := range c.Spec.Volumes {
			write, _ := volumeUse(c, mount.Volume)
			writes, uses := volumeUse(other, mount.Volume)
			shared := c.Spec.Sandbox != "" && c.Spec.Sandbox == other.Spec.Sandbox
			if other != c && !shared && uses && other.State.Active() && (write || writes) {
				return apierr.New(apierr.FailedPrecondition, "volume_in_use",
					"the volume %q is in use by container %s", mount.Volume, other.Name)
			}
		}
	}
	return nil
}
