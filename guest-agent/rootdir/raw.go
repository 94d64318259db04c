package rootdir

import (
	"context"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/guestapi"
)

// bindRaw returns the mounts that bring device nodes of raw volumes into a container,
// and the rules that let it use them. A node of the container's own would stay in its
// writable layer, where the next start may find another device by its number.
func (r *Roots) bindRaw(ctx context.Context, list []guestapi.Volume) (mounts []specs.Mount, rules []specs.LinuxDeviceCgroup, err error) {
	for _, v := range list {
		if !v.Raw {
			continue
		}
		device, err := r.devices.wait(ctx, v.Device)
		if err != nil {
			return nil, nil, err
		}
		number, err := r.system.Share(device.node)
		if err != nil {
			return nil, nil, err
		}
		mounts = append(mounts, specs.Mount{
			Destination: v.Path, Type: "bind", Source: device.node, Options: []string{"bind", "rprivate", "nosuid", "noexec", "dev"},
		})
		major, minor, access := int64(unix.Major(number)), int64(unix.Minor(number)), "rw"
		if v.ReadOnly || v.ReadOnlyDevice {
			access = "r"
		}
		rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &major, Minor: &minor, Access: access})
	}
	return mounts, rules, nil
}
