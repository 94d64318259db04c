// Command mkimage wraps a root file system tar in a docker-archive with one
// layer, so that tests and the demo have real images without a registry.
//
//	mkimage -rootfs rootfs.tar -name demo/python:3.11 -out image.tar -- python3
package main

import (
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	rootfs := flag.String("rootfs", "", "tar with the image's files")
	ref := flag.String("name", "", "the image's name, with a tag")
	out := flag.String("out", "", "docker-archive to write")
	flag.Parse()
	if err := run(*rootfs, *ref, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

// run writes the archive under a temporary name first, so that a file at out
// is always whole.
func run(rootfs, ref, out string, command []string) error {
	tag, err := name.NewTag(ref)
	if err != nil {
		return err
	}
	image, err := build(rootfs, command)
	if err != nil {
		return err
	}
	tmp := out + ".tmp"
	if err := tarball.WriteToFile(tmp, tag, image); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("write %s: %w", out, err)
	}
	return os.Rename(tmp, out)
}

func build(rootfs string, command []string) (v1.Image, error) {
	layer, err := tarball.LayerFromFile(rootfs, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rootfs, err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config.Cmd = command
	return mutate.ConfigFile(image, file)
}
