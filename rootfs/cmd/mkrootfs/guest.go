package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/durable"
	"github.com/cardplane/cardplane/rootfs/image"
	"github.com/cardplane/cardplane/rootfs/initramfs"
	"github.com/cardplane/cardplane/rootfs/inputs"
	"github.com/cardplane/cardplane/rootfs/kernel"
	"github.com/cardplane/cardplane/rootfs/manifest"
)

// The kernels that a guest can be made with; also the folders' names.
const (
	kernelDebian = "debian"
	kernelOwn    = "own"
)

// Names of the artefacts inside the directory.
const (
	vmlinuxName = "vmlinux"
	initrdName  = "initrd"
	rootfsName  = "rootfs.erofs"
)

// buildGuest makes the artefacts directory unless it is up to date, and prints
// where it is.
func (m *Main) buildGuest(ctx context.Context) error {
	if err := os.MkdirAll(m.Out, 0o755); err != nil {
		return fmt.Errorf("make output directory: %w", err)
	}
	unlock, err := durable.Lock(filepath.Join(m.Out, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(m.Out, m.Kernel)
	if err := m.refreshGuest(ctx, dir); err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

// refreshGuest rebuilds dir if what it is made from has changed.
func (m *Main) refreshGuest(ctx context.Context, dir string) error {
	g := guest{Main: m}
	return inputs.Recipe{
		Files: []string{m.Agent, m.InitrdInit, m.BareInit},
		Obtain: func() ([]debian.Package, error) {
			err := g.obtain(ctx)
			return append(slices.Clip(g.packages), g.kernel), err
		},
		Write: func(fresh string) error { return g.write(ctx, fresh) },
	}.Refresh(dir)
}

// guest is one build of an artefacts directory.
type guest struct {
	*Main
	packages []debian.Package
	kernel   debian.Package
}

// obtain fetches the packages that the guest is made from. The source of our own
// kernel is only looked up: the kernel is in the cache or it is an error.
func (g *guest) obtain(ctx context.Context) (err error) {
	archive := g.archive()
	if g.packages, err = archive.Obtain(ctx, image.Packages...); err != nil {
		return err
	}
	var found []debian.Package
	if g.Kernel == kernelOwn {
		found, err = archive.Candidates(ctx, kernel.SourcePackage)
	} else if found, err = archive.Candidates(ctx, kernel.MetaPackage); err == nil {
		found, err = archive.Obtain(ctx, found[0].FirstDependency())
	}
	if err != nil {
		return err
	}
	g.kernel = found[0]
	return nil
}

// write makes every artefact in dir and the manifest last.
func (g *guest) write(ctx context.Context, dir string) error {
	m := &manifest.Manifest{Cmdline: kernel.Cmdline}
	var err error
	if g.Kernel == kernelOwn {
		err = g.writeOwnKernel(dir, m)
	} else {
		err = g.writePrebuiltKernel(ctx, dir, m)
	}
	if err != nil {
		return err
	}
	if err := g.writeRootfs(ctx, dir, m); err != nil {
		return err
	}
	if err := writeScratches(ctx, dir, m); err != nil {
		return err
	}
	return m.Write(dir)
}

func writeScratches(ctx context.Context, dir string, m *manifest.Manifest) error {
	for _, s := range image.Scratches {
		if err := s.Make(ctx, dir); err != nil {
			return err
		}
		a, err := manifest.Describe(dir, s.Name, []string{"mkfs.ext4"})
		if err != nil {
			return err
		}
		m.Scratch = append(m.Scratch, manifest.Scratch{Artefact: a, DiskBytes: s.DiskBytes})
	}
	return nil
}

func (g *guest) writePrebuiltKernel(ctx context.Context, dir string, m *manifest.Manifest) error {
	prebuilt, err := kernel.ReadPrebuilt(ctx, g.kernel, kernel.GuestModules)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(dir, vmlinuxName, prebuilt.Vmlinux); err != nil {
		return err
	}
	source := []string{g.kernel.String()}
	if m.Kernel.Artefact, err = manifest.Describe(dir, vmlinuxName, source); err != nil {
		return err
	}
	m.Kernel.Release = prebuilt.Release
	if err := g.writeInitrd(dir, prebuilt.Modules); err != nil {
		return err
	}
	initrd, err := manifest.Describe(dir, initrdName, append(source, "initrd-init"))
	m.Initrd = &initrd
	return err
}

func (g *guest) writeInitrd(dir string, modules []kernel.Module) error {
	init, err := os.ReadFile(g.InitrdInit)
	if err != nil {
		return fmt.Errorf("read initrd-init: %w", err)
	}
	var list []initramfs.Module
	for _, m := range modules {
		list = append(list, initramfs.Module{Name: m.Name, Content: m.Content})
	}
	return durable.Replace(dir, initrdName, func(f *os.File) error {
		return initramfs.Build(f, init, list)
	})
}

func (g *guest) writeOwnKernel(dir string, m *manifest.Manifest) error {
	own, err := g.kernelBuilder().Cached(g.kernel)
	if err != nil {
		return err
	}
	vmlinux, err := os.Open(own.Vmlinux)
	if err != nil {
		return fmt.Errorf("cached kernel: %w", err)
	}
	defer vmlinux.Close()
	err = durable.Replace(dir, vmlinuxName, func(f *os.File) error {
		_, err := io.Copy(f, vmlinux)
		return err
	})
	if err != nil {
		return err
	}
	m.Kernel.Release = own.Release
	m.Kernel.Artefact, err = manifest.Describe(dir, vmlinuxName, own.Source)
	return err
}

func (g *guest) writeRootfs(ctx context.Context, dir string, m *manifest.Manifest) error {
	agent, err := os.ReadFile(g.Agent)
	if err != nil {
		return fmt.Errorf("read guest agent: %w", err)
	}
	bare, err := os.ReadFile(g.BareInit)
	if err != nil {
		return fmt.Errorf("read bareinit: %w", err)
	}
	files, err := image.ReadPackages(ctx, g.packages)
	if err != nil {
		return err
	}
	root := &image.Root{Agent: agent, BareInit: bare, Packages: files}
	err = durable.Replace(dir, rootfsName, func(f *os.File) error { return root.Write(f) })
	if err != nil {
		return err
	}
	source := []string{"guest-agent", "bareinit"}
	for _, p := range g.packages {
		source = append(source, p.String())
	}
	m.Rootfs, err = manifest.Describe(dir, rootfsName, source)
	return err
}
