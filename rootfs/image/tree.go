package image

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"time"

	"github.com/erofs/go-erofs"
)

// node is one entry of a tree; its type is in mode.
type node struct {
	mode    fs.FileMode
	content []byte
	target  string
}

// Tree is a file tree, every node by absolute path. Owner is root and the date
// is 1970 for all of it.
type Tree struct{ nodes map[string]node }

// NewTree returns a tree that has a root directory.
func NewTree() *Tree {
	return &Tree{nodes: map[string]node{"/": {mode: fs.ModeDir | 0o755}}}
}

// Directory puts a directory into the tree.
func (t *Tree) Directory(name string, mode fs.FileMode) {
	t.parents(name)
	t.nodes[name] = node{mode: fs.ModeDir | mode}
}

// File puts a regular file into the tree.
func (t *Tree) File(name string, mode fs.FileMode, content []byte) {
	t.parents(name)
	t.nodes[name] = node{mode: mode, content: content}
}

// Link puts a symbolic link into the tree.
func (t *Tree) Link(name, target string) {
	t.parents(name)
	t.nodes[name] = node{mode: fs.ModeSymlink | 0o777, target: target}
}

// parents makes the directories above name that were not named themselves.
func (t *Tree) parents(name string) {
	dir := path.Dir(name)
	if _, ok := t.nodes[dir]; !ok {
		t.Directory(dir, 0o755)
	}
}

// Write writes the tree as an EROFS image. Equal trees give equal bytes.
func (t *Tree) Write(w io.WriteSeeker) error {
	image := erofs.Create(w, erofs.WithBuildTime(0, 0))
	if err := t.write(image); err != nil {
		return err
	}
	if err := image.Close(); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

// write puts the nodes into image, sorted, so that each directory precedes what
// it holds and equal trees give equal images.
func (t *Tree) write(image *erofs.Writer) error {
	names := make([]string, 0, len(t.nodes))
	for name := range t.nodes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := writeNode(image, name, t.nodes[name]); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// epoch dates every file: a build has no date of its own.
var epoch = time.Unix(0, 0)

func writeNode(image *erofs.Writer, name string, n node) error {
	if err := createNode(image, name, n); err != nil {
		return err
	}
	if err := image.Chown(name, 0, 0); err != nil {
		return err
	}
	return image.Chtimes(name, epoch, epoch)
}

func createNode(image *erofs.Writer, name string, n node) error {
	switch n.mode.Type() {
	case fs.ModeDir:
		if err := image.Mkdir(name, n.mode.Perm()); err != nil {
			return err
		}
		return image.Chmod(name, n.mode)
	case fs.ModeSymlink:
		return image.Symlink(n.target, name)
	}
	f, err := image.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(n.content); err != nil {
		return err
	}
	if err := f.Chmod(n.mode); err != nil {
		return err
	}
	return f.Close()
}
