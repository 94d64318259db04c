package cli

import (
	"fmt"
	"path"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
)

// parseVolume reads a value of --volume, NAME:PATH[:ro|rw].
func parseVolume(text string) (cardplane.VolumeMount, error) {
	parts := strings.Split(text, ":")
	if strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".") || strings.HasPrefix(text, "~") {
		return cardplane.VolumeMount{}, fmt.Errorf("%q: %s", text, noHostFiles)
	}
	if len(parts) < 2 || len(parts) > 3 {
		return cardplane.VolumeMount{}, fmt.Errorf("%q is not NAME:PATH or NAME:PATH:ro", text)
	}
	m := cardplane.VolumeMount{Volume: parts[0], Path: path.Clean(parts[1])}
	if len(parts) == 3 {
		switch parts[2] {
		case "ro":
			m.ReadOnly = true
		case "rw":
		default:
			return m, fmt.Errorf("%q ends with the option %q; use ro or rw", text, parts[2])
		}
	}
	return m, nil
}

// parseMount reads a value of --mount,
// type=volume,source=NAME,target=PATH[,volume-subpath=DIR][,readonly], as docker
// has it.
func parseMount(text string) (cardplane.VolumeMount, error) {
	m := cardplane.VolumeMount{}
	for _, field := range strings.Split(text, ",") {
		key, value, given := strings.Cut(field, "=")
		switch key {
		case "type":
			switch value {
			case "volume":
			case "bind", "virtiofs":
				return m, fmt.Errorf("%q: %s", text, noHostFiles)
			default:
				return m, fmt.Errorf("%q: the type %q is unknown; use type=volume, or --tmpfs", text, value)
			}
		case "source", "src":
			m.Volume = value
		case "target", "destination", "dst":
			m.Path = path.Clean(value)
		case "volume-subpath":
			m.Subpath = value
		case "readonly", "ro":
			m.ReadOnly = !given || value == "true" || value == "1"
		default:
			return m, fmt.Errorf("%q: the option %q is unknown; use type, source, target, volume-subpath and readonly", text, key)
		}
	}
	if m.Volume == "" || m.Path == "" {
		return m, fmt.Errorf("%q lacks source=NAME or target=PATH", text)
	}
	return m, nil
}

// volumeMounts returns what --volume and --mount ask for.
func volumeMounts(volumes, mounts []string) ([]cardplane.VolumeMount, error) {
	var out []cardplane.VolumeMount
	for _, text := range volumes {
		m, err := parseVolume(text)
		if err != nil {
			return nil, fmt.Errorf("--volume: %w", err)
		}
		out = append(out, m)
	}
	for _, text := range mounts {
		m, err := parseMount(text)
		if err != nil {
			return nil, fmt.Errorf("--mount: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}
