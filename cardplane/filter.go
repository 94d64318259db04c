package cardplane

import (
	"slices"
	"strings"
)

// ContainerFilter selects containers in List. All of its parts must match.
type ContainerFilter struct {
	// All includes containers that do not run.
	All bool
	// States selects containers in one of these states, whatever All says.
	States []State
	// Health selects containers of one of these, HealthNone for those that have
	// none.
	Health []HealthStatus
	// Sandboxes are names of sandboxes; one must be the container's.
	Sandboxes []string
	// Labels are "key" or "key=value"; all must match.
	Labels []string
	// Names are names in which "*" stands for any characters; one must match.
	Names []string
}

// Match reports whether f selects c.
func (f ContainerFilter) Match(c Container) bool {
	state := f.All || c.State.Active() || c.State == Restarting
	if len(f.States) > 0 {
		state = slices.Contains(f.States, c.State)
	}
	health := len(f.Health) == 0 || slices.Contains(f.Health, c.healthStatus())
	in := len(f.Sandboxes) == 0 || slices.Contains(f.Sandboxes, c.Spec.Sandbox)
	return state && health && in && hasLabels(c.Spec.Labels, f.Labels) && hasName(f.Names, c.Name)
}

// ImageFilter selects images in List. All of its parts must match.
type ImageFilter struct {
	// Labels are as in ContainerFilter.
	Labels []string
	// Names are as in ContainerFilter. They are compared with each name of an
	// image, whole or as Docker shortens it, with and without its tag.
	Names []string
}

// Match reports whether f selects i.
func (f ImageFilter) Match(i Image) bool {
	var names []string
	for _, name := range i.Names {
		short := strings.TrimPrefix(strings.TrimPrefix(name, "docker.io/"), "library/")
		names = append(names, name, untagged(name), short, untagged(short))
	}
	return hasLabels(i.Config.Labels, f.Labels) && hasName(f.Names, names...)
}

// untagged returns a name with a tag without it.
func untagged(name string) string {
	return name[:max(strings.LastIndexByte(name, ':'), 0)]
}

// hasLabels reports whether labels satisfy every "key" or "key=value".
func hasLabels(labels map[string]string, wanted []string) bool {
	for _, w := range wanted {
		key, value, exact := strings.Cut(w, "=")
		got, ok := labels[key]
		if !ok || exact && got != value {
			return false
		}
	}
	return true
}

// hasName reports whether a pattern matches a name, or there is no pattern.
func hasName(patterns []string, names ...string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(pattern string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return fits(pattern, name) })
	})
}

// fits reports whether name is pattern, in which "*" stands for any
// characters.
func fits(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return name == pattern
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	middle := strings.Split(rest, "*")
	last := middle[len(middle)-1]
	for _, part := range middle[:len(middle)-1] {
		if _, name, ok = strings.Cut(name, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(name, last)
}
