// Package image makes the two disk images of a guest: the EROFS root that all
// virtual machines share, and the formatted ext4 template of writable disks.
package image

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"path"

	"github.com/cardplane/cardplane/rootfs/debian"
)

// Files is the content of packages: regular files and symbolic links by
// absolute path.
type Files struct {
	content map[string][]byte
	links   map[string]string
}

// NewFiles returns an empty set.
func NewFiles() *Files {
	return &Files{content: make(map[string][]byte), links: make(map[string]string)}
}

// ReadPackages collects the files of fetched packages.
func ReadPackages(ctx context.Context, packages []debian.Package) (*Files, error) {
	files := NewFiles()
	for _, p := range packages {
		err := debian.Walk(ctx, p.Path, func(name string, h *tar.Header, r io.Reader) error {
			switch h.Typeflag {
			case tar.TypeReg:
				content, err := io.ReadAll(r)
				if err != nil {
					return err
				}
				files.Add(name, content)
			case tar.TypeSymlink:
				files.Link(name, h.Linkname)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read package %s: %w", p, err)
		}
	}
	return files, nil
}

// Add puts a regular file into the set.
func (f *Files) Add(name string, content []byte) { f.content[name] = content }

// Link puts a symbolic link into the set.
func (f *Files) Link(name, target string) { f.links[name] = target }

// maxLinks is how many symbolic links Lookup follows, as many as Linux.
const maxLinks = 40

// Lookup returns the regular file that name leads to through symbolic links of
// the last path component.
func (f *Files) Lookup(name string) ([]byte, bool) {
	for range maxLinks {
		if content, ok := f.content[name]; ok {
			return content, true
		}
		target, ok := f.links[name]
		if !ok {
			return nil, false
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(name), target)
		}
		name = target
	}
	return nil, false
}
