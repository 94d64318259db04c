package kernel

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/cardplane/cardplane/rootfs/debian"
)

// MetaPackage depends on Debian's newest 6.12 kernel for virtual machines.
const MetaPackage = "linux-image-6.12-cloud-amd64"

// GuestModules are what Debian's cloud kernel lacks for a guest: virtio-pci,
// ext4, ipv6, fuse and virtiofs are built in. In load order; dependencies are
// found.
var GuestModules = []string{
	"virtio_blk",                 // the root disk
	"erofs",                      // the root file system
	"overlay",                    // container roots
	"vmw_vsock_virtio_transport", // the control channel
	"virtio_net",
	"tun", // networks in user mode
	"virtio_rng",
	"virtio_balloon",
	"pvpanic_pci",
	"button", // the VMM's power button, read through evdev
	"evdev",
}

// Prebuilt is a kernel taken out of a Debian package.
type Prebuilt struct {
	// Release is what uname -r says.
	Release string
	// Vmlinux is the PVH ELF file.
	Vmlinux []byte
	// Modules are those that were asked for, each after its dependencies.
	Modules []Module
}

// ReadPrebuilt takes the kernel out of a linux-image package, and the modules
// with what they depend on.
func ReadPrebuilt(ctx context.Context, pkg debian.Package, modules []string) (*Prebuilt, error) {
	var vmlinuz []byte
	k := &Prebuilt{}
	compressed := make(map[string][]byte)
	err := debian.Walk(ctx, pkg.Path, func(name string, h *tar.Header, r io.Reader) (err error) {
		if release, ok := strings.CutPrefix(name, "/boot/vmlinuz-"); ok {
			k.Release = release
			vmlinuz, err = io.ReadAll(r)
			return err
		}
		if module, ok := ModuleName(name); ok && h.Typeflag == tar.TypeReg {
			compressed[module], err = io.ReadAll(r)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read kernel package %s: %w", pkg, err)
	}
	if vmlinuz == nil {
		return nil, fmt.Errorf("kernel package %s has no /boot/vmlinuz-*", pkg)
	}
	if k.Vmlinux, err = ExtractVmlinux(vmlinuz); err != nil {
		return nil, fmt.Errorf("kernel package %s: %w", pkg, err)
	}
	k.Modules, err = OrderModules(modules, func(name string) (Module, error) {
		content, ok := compressed[name]
		if !ok {
			return Module{}, fmt.Errorf("kernel package %s has no module %s", pkg, name)
		}
		return ReadModule(name, content)
	})
	return k, err
}
