// Package manifest describes a guest artefacts directory: which files a VM is
// booted from, their digests, and the kernel command line that goes with them.
//
// The directory holds one manifest.json beside the files that it names. It is
// written last, so a directory with a manifest is a complete one. The control
// plane may not import this package (see the import rules in ARCHITECTURE.md)
// and reads the JSON by itself; rootfs/README.md documents the format, and the
// JSON names here are that format.
package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/rootfs/durable"
)

// FileName is the name of the manifest inside an artefacts directory.
const FileName = "manifest.json"

// maxManifestBytes bounds what Read takes in; real manifests are about 2 KiB.
const maxManifestBytes = 1 << 20

// Artefact is one file of the directory.
type Artefact struct {
	// File is the name inside the directory, without any slash.
	File string `json:"file"`
	// SHA256 is the digest of the content, in lower-case hex.
	SHA256 string `json:"sha256"`
	// Size is the length in bytes. A sparse file takes less on disk.
	Size int64 `json:"size"`
	// Source says what the artefact was made from: Debian packages as
	// name=version, or the digest of the configuration for a kernel of our own.
	Source []string `json:"source"`
}

// Kernel is the guest kernel: an uncompressed ELF file with a PVH entry note.
type Kernel struct {
	Artefact
	// Release is what uname -r says in the guest.
	Release string `json:"release"`
}

// Scratch is a template for disks of DiskBytes or more: copy it, make the copy as
// long as the disk is to be, and grow the file system in the guest.
type Scratch struct {
	Artefact
	// DiskBytes is the size of the file system, which may be more than the file's.
	DiskBytes int64 `json:"diskBytes"`
}

// Manifest is the content of manifest.json.
type Manifest struct {
	// Kernel is the PVH vmlinux.
	Kernel Kernel `json:"kernel"`
	// Initrd is the initramfs that loads the modules a prebuilt kernel needs
	// before it can mount its root; nil for a kernel with everything built in.
	Initrd *Artefact `json:"initrd"`
	// Rootfs is the read-only EROFS root, to be attached as the first disk.
	Rootfs Artefact `json:"rootfs"`
	// Scratch is the formatted ext4 templates for writable disks, by their size.
	// A machine that is no guest of ours may do without.
	Scratch []Scratch `json:"scratch,omitempty"`
	// Cmdline is the kernel command line, whole.
	Cmdline string `json:"cmdline"`
}

// Artefacts lists every file that the manifest names, the kernel first.
func (m *Manifest) Artefacts() []Artefact {
	list := []Artefact{m.Kernel.Artefact}
	if m.Initrd != nil {
		list = append(list, *m.Initrd)
	}
	list = append(list, m.Rootfs)
	for _, s := range m.Scratch {
		list = append(list, s.Artefact)
	}
	return list
}

// Describe digests the file dir/name and returns its artefact.
func Describe(dir, name string, source []string) (Artefact, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return Artefact{}, fmt.Errorf("describe artefact: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Artefact{}, fmt.Errorf("digest artefact %s: %w", name, err)
	}
	return Artefact{File: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: n, Source: source}, nil
}

// Read parses dir/manifest.json and checks its form, not the files it names.
// A directory that was never finished gives an error that is fs.ErrNotExist.
func Read(dir string) (*Manifest, error) {
	f, err := os.Open(filepath.Join(dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("read guest manifest: %w", err)
	}
	defer f.Close()
	dec := json.NewDecoder(io.LimitReader(f, maxManifestBytes))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("parse %s: %w", f.Name(), err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("check %s: %w", f.Name(), err)
	}
	return &m, nil
}

// Verify compares every file that the manifest names with its size and digest.
func (m *Manifest) Verify(dir string) error {
	for _, want := range m.Artefacts() {
		got, err := Describe(dir, want.File, nil)
		if err != nil {
			return err
		}
		if got.Size != want.Size || got.SHA256 != want.SHA256 {
			return fmt.Errorf("artefact %s: has %d bytes with sha256 %s, the manifest says %d bytes with %s",
				want.File, got.Size, got.SHA256, want.Size, want.SHA256)
		}
	}
	return nil
}

// SameSizes is the quick form of Verify: it looks at lengths only, so it finds
// a missing or truncated file but not an altered one.
func (m *Manifest) SameSizes(dir string) error {
	for _, want := range m.Artefacts() {
		info, err := os.Stat(filepath.Join(dir, want.File))
		if err != nil {
			return fmt.Errorf("artefact: %w", err)
		}
		if info.Size() != want.Size {
			return fmt.Errorf("artefact %s: has %d bytes, the manifest says %d", want.File, info.Size(), want.Size)
		}
	}
	return nil
}

// Write puts the manifest into dir, durably and in one step: a reader sees
// either none or the whole of it.
func (m *Manifest) Write(dir string) error {
	if err := m.validate(); err != nil {
		return fmt.Errorf("write guest manifest: %w", err)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write guest manifest: %w", err)
	}
	return durable.WriteFile(dir, FileName, append(text, '\n'))
}

func (m *Manifest) validate() error {
	if m.Cmdline == "" {
		return errors.New("cmdline is empty")
	}
	if m.Kernel.Release == "" {
		return errors.New("kernel.release is empty")
	}
	for _, a := range m.Artefacts() {
		if err := a.validate(); err != nil {
			return err
		}
	}
	for _, s := range m.Scratch {
		if s.DiskBytes < s.Size {
			return fmt.Errorf("artefact %s: a disk of %d bytes is smaller than the file", s.File, s.DiskBytes)
		}
	}
	return nil
}

func (a Artefact) validate() error {
	// A manifest may come from elsewhere; its names must not lead out of it.
	if a.File == "" || a.File != filepath.Base(a.File) || a.File == "." || a.File == ".." {
		return fmt.Errorf("file name %q is not a plain name", a.File)
	}
	if digest, err := hex.DecodeString(a.SHA256); err != nil || len(digest) != sha256.Size {
		return fmt.Errorf("artefact %s: sha256 %q is not a digest", a.File, a.SHA256)
	}
	if a.Size <= 0 {
		return fmt.Errorf("artefact %s: size %d is not positive", a.File, a.Size)
	}
	return nil
}
