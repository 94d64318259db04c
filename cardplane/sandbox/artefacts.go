package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	manifestFile = "manifest.json"
	maxManifest  = 1 << 20
)

// Artefacts is what guests boot from: a directory that mkrootfs has made,
// with a manifest that names its files. rootfs/README.md documents the format.
type Artefacts struct {
	dir string
	m   manifest
}

type manifest struct {
	Kernel struct {
		artefact
		Release string `json:"release"`
	} `json:"kernel"`
	Initrd *artefact `json:"initrd"`
	Rootfs artefact  `json:"rootfs"`
	// Scratch is in the order of DiskBytes.
	Scratch []scratch `json:"scratch"`
	Cmdline string    `json:"cmdline"`
}

// scratch is the beginning of a formatted disk of DiskBytes; the rest is zeros.
type scratch struct {
	artefact
	DiskBytes int64 `json:"diskBytes"`
}

// artefact is one file of the directory.
type artefact struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

func (a artefact) digest() string { return "sha256:" + a.SHA256 }

// OpenArtefacts reads the manifest in dir and checks that the files have the
// sizes that it says. Contents are checked by Verify, and by the host when
// they arrive there.
//
// Errors: guest_artefacts_missing, guest_artefacts_invalid.
func OpenArtefacts(dir string) (*Artefacts, error) {
	f, err := os.Open(filepath.Join(dir, manifestFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, apierr.New(apierr.FailedPrecondition, "guest_artefacts_missing",
			"there is no %s in %s; build the guest with `make guest` or name its directory with --guest: %w", manifestFile, dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open guest artefacts: %w", err)
	}
	defer func() { _ = f.Close() }()
	a := &Artefacts{dir: dir}
	if err := json.NewDecoder(io.LimitReader(f, maxManifest)).Decode(&a.m); err != nil {
		return nil, invalidArtefacts(dir, err)
	}
	if err := a.checkSizes(); err != nil {
		return nil, invalidArtefacts(dir, err)
	}
	return a, nil
}

func invalidArtefacts(dir string, err error) error {
	return apierr.New(apierr.FailedPrecondition, "guest_artefacts_invalid",
		"the guest artefacts in %s cannot be used; build them anew with `make guest`: %w", dir, err)
}

func (a *Artefacts) checkSizes() error {
	if a.m.Cmdline == "" || a.m.Kernel.Release == "" {
		return errors.New("the manifest lacks cmdline or kernel.release")
	}
	if len(a.m.Scratch) == 0 || !slices.IsSortedFunc(a.m.Scratch, func(a, b scratch) int { return cmp.Compare(a.DiskBytes, b.DiskBytes) }) {
		return errors.New("the manifest's scratch lacks templates of disks, or has them in another order than that of diskBytes")
	}
	for _, f := range a.files() {
		if f.File == "" || f.File != filepath.Base(f.File) || f.File == ".." {
			return fmt.Errorf("file name %q is not a plain name", f.File)
		}
		if raw, err := hex.DecodeString(f.SHA256); err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("%s: sha256 %q is not a digest", f.File, f.SHA256)
		}
		info, err := os.Stat(filepath.Join(a.dir, f.File))
		if err != nil {
			return err
		}
		if info.Size() != f.Size || f.Size <= 0 {
			return fmt.Errorf("%s has %d bytes, the manifest says %d", f.File, info.Size(), f.Size)
		}
	}
	return nil
}

// bootFiles lists what every machine boots from, the kernel first.
func (a *Artefacts) bootFiles() []artefact {
	list := []artefact{a.m.Kernel.artefact}
	if a.m.Initrd != nil {
		list = append(list, *a.m.Initrd)
	}
	return append(list, a.m.Rootfs)
}

// files lists all artefacts.
func (a *Artefacts) files() []artefact {
	list := a.bootFiles()
	for _, s := range a.m.Scratch {
		list = append(list, s.artefact)
	}
	return list
}

// diskTemplate returns the file that d is made from: that of the largest template
// that d has room for, or else the smallest.
func (a *Artefacts) diskTemplate(d Disk) File {
	found := a.m.Scratch[0]
	for _, s := range a.m.Scratch {
		if s.DiskBytes <= d.SizeBytes {
			found = s
		}
	}
	return a.file(found.artefact)
}

// Kernel returns the release of the guest kernel.
func (a *Artefacts) Kernel() string { return a.m.Kernel.Release }

// Verify compares the contents of all files with their digests.
func (a *Artefacts) Verify() error {
	for _, want := range a.files() {
		f, err := os.Open(filepath.Join(a.dir, want.File))
		if err != nil {
			return invalidArtefacts(a.dir, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		_ = f.Close()
		if err != nil {
			return invalidArtefacts(a.dir, err)
		}
		if got := hex.EncodeToString(h.Sum(nil)); got != want.SHA256 {
			return invalidArtefacts(a.dir, fmt.Errorf("%s has the digest %s, the manifest says %s", want.File, got, want.SHA256))
		}
	}
	return nil
}
