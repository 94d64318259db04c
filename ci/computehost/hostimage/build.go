// Package hostimage builds what an emulated compute host boots from: Debian's
// cloud kernel, an initramfs with the modules of a host, and an EROFS root
// with busybox, nftables, vmmd and cloud-hypervisor. Nothing in it is about
// what a guest runs. Equal inputs give equal bytes.
package hostimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/durable"
	"github.com/cardplane/cardplane/rootfs/image"
	"github.com/cardplane/cardplane/rootfs/initramfs"
	"github.com/cardplane/cardplane/rootfs/inputs"
	"github.com/cardplane/cardplane/rootfs/kernel"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

// Builder says what to build from, and where.
type Builder struct {
	// Out is the directory that is made, see package manifest.
	Out string
	// CacheDir keeps packages between builds.
	CacheDir string
	// InitrdInit, VMMD and HostCtl are static executables; CloudHypervisor
	// may need libraries of libc6 and libgcc-s1.
	InitrdInit, VMMD, HostCtl, CloudHypervisor string
	Log                                        logrus.FieldLogger
}

// Cmdline is the kernel command line of the host.
var Cmdline = strings.Join([]string{
	"console=ttyS0", "quiet",
	"root=/dev/vda", "rootfstype=erofs", "ro", "init=/sbin/init",
	// A host that is broken ends, and whoever booted it is told.
	"panic=-1", "oops=panic",
	"no_timer_check", "tsc=reliable", "cryptomgr.notests=1",
	// Under QEMU's translator a page that has held a guest's code is dear to
	// use again: every write drops translations, 60000 in a boot. Shuffled
	// free pages halve that.
	"page_alloc.shuffle=1",
	// The host is emulated and its guests are ours: flushes at each exit of a
	// guest would protect nobody.
	"mitigations=off",
}, " ")

// Build makes Out unless it is up to date.
func (b *Builder) Build(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(b.Out), 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	unlock, err := durable.Lock(b.Out + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	var p obtained
	return inputs.Recipe{
		Files: []string{b.InitrdInit, b.VMMD, b.HostCtl, b.CloudHypervisor},
		Obtain: func() (all []debian.Package, err error) {
			p, err = b.obtain(ctx)
			return append(slices.Clip(p.root), p.kernel), err
		},
		Write: func(fresh string) error { return b.write(ctx, fresh, p) },
	}.Refresh(b.Out)
}

// obtained are the packages of one build.
type obtained struct {
	root   []debian.Package
	kernel debian.Package
}

func (b *Builder) obtain(ctx context.Context) (o obtained, err error) {
	archive := &debian.Archive{CacheDir: filepath.Join(b.CacheDir, "deb"), Log: b.Log}
	if o.root, err = archive.Obtain(ctx, packages...); err != nil {
		return o, err
	}
	meta, err := archive.Candidates(ctx, kernel.MetaPackage)
	if err != nil {
		return o, err
	}
	images, err := archive.Obtain(ctx, meta[0].FirstDependency())
	if err != nil {
		return o, err
	}
	o.kernel = images[0]
	return o, nil
}

// write makes every artefact in dir and the manifest last.
func (b *Builder) write(ctx context.Context, dir string, from obtained) error {
	prebuilt, err := kernel.ReadPrebuilt(ctx, from.kernel, modules)
	if err != nil {
		return err
	}
	early, late := split(prebuilt.Modules)
	if err := durable.WriteFile(dir, "vmlinux", prebuilt.Vmlinux); err != nil {
		return err
	}
	if err := b.writeInitrd(dir, early); err != nil {
		return err
	}
	if err := b.writeRoot(ctx, dir, from.root, late); err != nil {
		return err
	}
	return describe(dir, prebuilt.Release, from)
}

func (b *Builder) writeInitrd(dir string, modules []kernel.Module) error {
	init, err := os.ReadFile(b.InitrdInit)
	if err != nil {
		return fmt.Errorf("read initrd-init: %w", err)
	}
	var list []initramfs.Module
	for _, m := range modules {
		list = append(list, initramfs.Module{Name: m.Name, Content: m.Content})
	}
	return durable.Replace(dir, "initrd", func(f *os.File) error { return initramfs.Build(f, init, list) })
}

func (b *Builder) writeRoot(ctx context.Context, dir string, from []debian.Package, late []kernel.Module) error {
	var p programs
	for path, into := range map[string]*[]byte{b.VMMD: &p.vmmd, b.HostCtl: &p.hostctl, b.CloudHypervisor: &p.cloudHypervisor} {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("host root: %w", err)
		}
		*into = content
	}
	found, err := image.ReadPackages(ctx, from)
	if err != nil {
		return err
	}
	tree, err := rootTree(found, p, late)
	if err != nil {
		return err
	}
	return durable.Replace(dir, "root.erofs", func(f *os.File) error { return tree.Write(f) })
}

// describe writes the manifest of dir.
func describe(dir, release string, from obtained) (err error) {
	m := &manifest.Manifest{Cmdline: Cmdline}
	m.Kernel.Release = release
	source := []string{from.kernel.String()}
	if m.Kernel.Artefact, err = manifest.Describe(dir, "vmlinux", source); err != nil {
		return err
	}
	initrd, err := manifest.Describe(dir, "initrd", append(source, "initrd-init"))
	if err != nil {
		return err
	}
	m.Initrd = &initrd
	rootSource := []string{"vmmd", "hostctl", "cloud-hypervisor"}
	for _, p := range from.root {
		rootSource = append(rootSource, p.String())
	}
	if m.Rootfs, err = manifest.Describe(dir, "root.erofs", rootSource); err != nil {
		return err
	}
	return m.Write(dir)
}
