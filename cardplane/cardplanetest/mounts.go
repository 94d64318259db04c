package cardplanetest

import (
	"context"
	"slices"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func volumeIsRaw(v cardplane.Volume) error {
	return apierr.New(apierr.FailedPrecondition, "volume_is_raw", "the volume %q is a raw block device", v.Name)
}

// AttachVolume implements cardplane.MountService.
func (s *containerService) AttachVolume(_ context.Context, ref string, mount cardplane.VolumeMount) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	v, err := m.volumeLocked(mount.Volume)
	if err != nil {
		return cardplane.Container{}, err
	}
	mount.Volume = v.Name
	if v.Format == cardplane.FormatRaw && (c.State.Active() || mount.Subpath != "") {
		return cardplane.Container{}, volumeIsRaw(v)
	}
	before := c.Spec.Volumes
	if mount.Path == "/" || slices.ContainsFunc(before, func(other cardplane.VolumeMount) bool { return other.Path == mount.Path }) {
		return cardplane.Container{}, apierr.New(apierr.InvalidArgument, "invalid_volume_path", "it cannot be mounted at %q", mount.Path).At("/path")
	}
	c.Spec.Volumes = append(slices.Clone(before), mount)
	if c.State.Active() {
		if err := m.checkVolumesLocked(c); err != nil {
			c.Spec.Volumes = before
			return cardplane.Container{}, err
		}
	}
	m.eventLocked(cardplane.VolumeAttached, c.ID, c.Name, map[string]string{"volume": v.Name})
	return c.WithRevision(), nil
}

// DetachVolume implements cardplane.MountService.
func (s *containerService) DetachVolume(_ context.Context, ref, volume string) (cardplane.Container, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	c, err := m.findLocked(ref)
	if err != nil {
		return cardplane.Container{}, err
	}
	v, err := m.volumeLocked(volume)
	if err != nil {
		return cardplane.Container{}, err
	}
	if _, uses := volumeUse(c, v.Name); !uses {
		return cardplane.Container{}, apierr.New(apierr.FailedPrecondition, "volume_not_attached", "container %s does not have the volume %q", c.Name, v.Name)
	}
	if v.Format == cardplane.FormatRaw && c.State.Active() {
		return cardplane.Container{}, volumeIsRaw(v)
	}
	c.Spec.Volumes = slices.DeleteFunc(slices.Clone(c.Spec.Volumes), func(m cardplane.VolumeMount) bool { return m.Volume == v.Name })
	m.eventLocked(cardplane.VolumeDetached, c.ID, c.Name, map[string]string{"volume": v.Name})
	return c.WithRevision(), nil
}
