package inputs

import (
	"fmt"
	"os"

	"github.com/cardplane/cardplane/rootfs/debian"
	"github.com/cardplane/cardplane/rootfs/durable"
)

// Recipe says how a directory of artefacts is made.
type Recipe struct {
	// Files are what it is made from, beside this program and the packages.
	Files []string
	// Obtain returns the packages, which it may have to download.
	Obtain func() ([]debian.Package, error)
	// Write makes the artefacts in a new directory.
	Write func(fresh string) error
}

// Refresh makes dir, in one step, unless it was made from the same before. It
// compares the cheap part first. The directory above dir is there, and the caller
// holds dir's lock.
func (r Recipe) Refresh(dir string) error {
	last, err := read(dir)
	if err != nil {
		return err
	}
	now, err := r.quick()
	if err != nil || last.Files == now.Files && last.Lists == now.Lists {
		return err
	}
	packages, err := r.Obtain()
	if err != nil {
		return err
	}
	if now.Lists, err = digestLists(); err != nil { // Obtain may have updated them
		return err
	}
	now.Packages = digestPackages(packages)
	if last.Files == now.Files && last.Packages == now.Packages {
		return now.write(dir)
	}
	return durable.ReplaceDir(dir, func(fresh string) error {
		if err := r.Write(fresh); err != nil {
			return err
		}
		return now.write(fresh)
	})
}

// quick returns the inputs that can be told without asking apt.
func (r Recipe) quick() (in inputs, err error) {
	self, err := os.Executable()
	if err != nil {
		return in, fmt.Errorf("digest inputs: %w", err)
	}
	if in.Files, err = digestFiles(append([]string{self}, r.Files...)...); err != nil {
		return in, err
	}
	in.Lists, err = digestLists()
	return in, err
}
