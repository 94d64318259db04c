package cardplane

import "maps"

// Apply returns spec as u changes it.
func (u ContainerUpdate) Apply(spec ContainerSpec) ContainerSpec {
	if len(u.Labels) > 0 {
		labels := maps.Clone(spec.Labels)
		if labels == nil {
			labels = make(map[string]string)
		}
		for key, value := range u.Labels {
			if value == nil {
				delete(labels, key)
				continue
			}
			labels[key] = *value
		}
		spec.Labels = labels
	}
	if u.Restart != nil {
		spec.Restart = *u.Restart
	}
	if u.VCPUs != nil {
		spec.Resources.VCPUs = *u.VCPUs
	}
	if u.MemoryBytes != nil {
		spec.Resources.MemoryBytes = *u.MemoryBytes
	}
	if u.PidsLimit != nil {
		spec.Resources.PidsLimit = *u.PidsLimit
	}
	return spec
}
