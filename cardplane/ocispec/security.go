package ocispec

import (
	"slices"
	"strings"

	"github.com/moby/sys/capability"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// allCapabilities in a list of capabilities stands for every one.
const allCapabilities = "ALL"

// defaultCapabilities are Docker's fourteen.
var defaultCapabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
	"CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// knownCapabilities returns the capabilities that the guest's kernel has.
func knownCapabilities() []string {
	var names []string
	for _, c := range capability.ListKnown() {
		names = append(names, "CAP_"+strings.ToUpper(c.String()))
	}
	return names
}

// boundingSet returns the capabilities that a container's processes can have.
// Its rules are Docker's: adding ALL gives all but those that are dropped;
// dropping ALL leaves those that are added. It fails with invalid_capability.
func boundingSet(s cardplane.Security) ([]string, error) {
	known := knownCapabilities()
	add, err := parseCapabilities("/security/capAdd", s.CapAdd, known)
	if err != nil {
		return nil, err
	}
	drop, err := parseCapabilities("/security/capDrop", s.CapDrop, known)
	if err != nil {
		return nil, err
	}
	without := func(set []string) []string {
		return slices.DeleteFunc(slices.Clone(set), func(c string) bool { return slices.Contains(drop, c) })
	}
	var set []string
	switch {
	case s.Privileged:
		return known, nil
	case slices.Contains(add, allCapabilities):
		set = without(known)
	case slices.Contains(drop, allCapabilities):
		set = add
	default:
		set = append(without(defaultCapabilities), add...)
	}
	slices.Sort(set)
	return slices.Compact(set), nil
}

// parseCapabilities returns names in their full form.
func parseCapabilities(field string, names, known []string) ([]string, error) {
	var list []string
	for _, name := range names {
		full := strings.ToUpper(name)
		if full != allCapabilities && !strings.HasPrefix(full, "CAP_") {
			full = "CAP_" + full
		}
		if full != allCapabilities && !slices.Contains(known, full) {
			return nil, apierr.New(apierr.InvalidArgument, "invalid_capability",
				"there is no capability %q; use a name such as NET_ADMIN, or ALL", name).At(field)
		}
		list = append(list, full)
	}
	return list, nil
}

// capabilities are those of a process. A user other than root has them in its
// bounding set only, so that set-uid programs work and nothing else has them.
func capabilities(uid uint32, bounding []string) *specs.LinuxCapabilities {
	if uid != 0 {
		return &specs.LinuxCapabilities{Bounding: bounding}
	}
	return &specs.LinuxCapabilities{Bounding: bounding, Effective: bounding, Permitted: bounding}
}

// privilege opens up what is closed in every other container.
func privilege(spec *specs.Spec) {
	spec.Linux.MaskedPaths, spec.Linux.ReadonlyPaths = nil, nil
	spec.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Type: "a", Access: "rwm"}}
	for i, m := range spec.Mounts {
		if m.Type == "sysfs" || m.Type == "cgroup2" {
			spec.Mounts[i].Options = slices.DeleteFunc(m.Options, func(o string) bool { return o == "ro" })
		}
	}
}
