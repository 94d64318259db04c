package apimodel

import (
	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/cardapi"
)

// VolumeToAPI returns the API's form of a volume.
func VolumeToAPI(v cardplane.Volume) cardapi.Volume {
	return cardapi.Volume{Id: v.ID, Name: v.Name, SizeBytes: v.SizeBytes, Format: cardapi.VolumeFormat(v.Format.Or()), Labels: optionalMap(v.Labels), SourceId: optional(v.SourceID), CreatedAt: v.CreatedAt}
}

// VolumeFromAPI returns the domain's form of a volume.
func VolumeFromAPI(v cardapi.Volume) cardplane.Volume {
	return cardplane.Volume{ID: v.Id, Name: v.Name, SizeBytes: v.SizeBytes, Format: cardplane.VolumeFormat(v.Format), Labels: value(v.Labels), SourceID: value(v.SourceId), CreatedAt: v.CreatedAt}
}

// VolumeSpecToAPI returns the API's form of a request for a volume.
func VolumeSpecToAPI(s cardplane.VolumeSpec) cardapi.VolumeSpec {
	out := cardapi.VolumeSpec{Name: optional(s.Name), SizeBytes: optional(s.SizeBytes), Format: optional(cardapi.VolumeFormat(s.Format)), Labels: optionalMap(s.Labels)}
	if s.Source != "" {
		out.Source = &cardapi.VolumeSource{Volume: s.Source}
	}
	return out
}

// VolumeSpecFromAPI returns the domain's form of a request for a volume.
func VolumeSpecFromAPI(s cardapi.VolumeSpec) cardplane.VolumeSpec {
	return cardplane.VolumeSpec{Name: value(s.Name), SizeBytes: value(s.SizeBytes), Format: cardplane.VolumeFormat(value(s.Format)), Labels: value(s.Labels), Source: value(s.Source).Volume}
}

// VolumePruneToAPI returns the API's request to prune volumes.
func VolumePruneToAPI(f cardplane.PruneFilter) cardapi.VolumePrune {
	return cardapi.VolumePrune{Labels: optionalSlice(f.Labels), Until: optionalTime(f.Until)}
}

// VolumePruneFromAPI returns the domain's form of a request to prune volumes.
func VolumePruneFromAPI(r cardapi.VolumePrune) cardplane.PruneFilter {
	return cardplane.PruneFilter{Labels: value(r.Labels), Until: value(r.Until)}
}

// MountOptionsToAPI returns the API's form of a mount but for its volume.
func MountOptionsToAPI(m cardplane.VolumeMount) cardapi.MountOptions {
	return cardapi.MountOptions{Path: m.Path, Subpath: optional(m.Subpath), ReadOnly: optional(m.ReadOnly)}
}

// MountFromAPI returns the domain's form of a mount of a volume.
func MountFromAPI(volume string, m cardapi.MountOptions) cardplane.VolumeMount {
	return cardplane.VolumeMount{Volume: volume, Path: m.Path, Subpath: value(m.Subpath), ReadOnly: value(m.ReadOnly)}
}

func mountsToAPI(mounts []cardplane.VolumeMount) *[]cardapi.VolumeMount {
	if len(mounts) == 0 {
		return nil
	}
	out := each(mounts, func(m cardplane.VolumeMount) cardapi.VolumeMount {
		return cardapi.VolumeMount{Volume: m.Volume, Path: m.Path, Subpath: optional(m.Subpath), ReadOnly: optional(m.ReadOnly)}
	})
	return &out
}

func mountsFromAPI(mounts *[]cardapi.VolumeMount) []cardplane.VolumeMount {
	if mounts == nil {
		return nil
	}
	return each(*mounts, func(m cardapi.VolumeMount) cardplane.VolumeMount {
		return cardplane.VolumeMount{Volume: m.Volume, Path: m.Path, Subpath: value(m.Subpath), ReadOnly: value(m.ReadOnly)}
	})
}
