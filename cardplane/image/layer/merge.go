package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

const (
	whiteoutPrefix = ".wh."
	aufsPrefix     = ".wh..wh."
	opaqueMarker   = ".wh..wh..opq"
)

// Merger applies layers to a tree, the lowest layer first. It is not safe for
// concurrent use, and of no use after an error.
type Merger struct {
	limits, left Limits
	root         *node
	layer        int // number of the layer being applied, from 0
	files        [][]File
	live         map[*mkerofs.Inode]bool
}

// File is a regular file of a layer that is part of the merged tree.
type File struct {
	// Entry is the position of the file's header in the layer, from 0.
	Entry int64
	// Inode is the file in the merged tree. Its Size is not zero.
	Inode *mkerofs.Inode
}

// NewMerger returns a Merger with an empty root directory.
func NewMerger(limits Limits) *Merger {
	return &Merger{limits: limits, left: limits, root: newImpliedDir(-1), layer: -1}
}

// Apply applies one layer, an uncompressed tar stream, and reads r to its end.
// Errors of r are returned as they are, wrapped.
func (m *Merger) Apply(r io.Reader) error {
	m.layer++
	m.files = append(m.files, nil)
	in := &source{r: r}
	tr := tar.NewReader(in)
	buf := make([]byte, 64<<10)
	for entry := int64(0); ; entry++ {
		hdr, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = m.apply(hdr, entry, tr, buf)
		}
		if err != nil {
			return in.blame(err)
		}
	}
	_, err := io.Copy(io.Discard, in)
	return in.blame(err)
}

// source remembers its own failure, to tell it from errors of the tar format.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// blame returns err as what it is: a failure of the stream, an exceeded limit
// or else a fault of the layer.
func (s *source) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case s.err != nil:
		return s.err
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrCorrupt):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("the tar is cut short")
	}
	return corrupt("%w", err)
}

// apply applies one tar entry.
func (m *Merger) apply(hdr *tar.Header, entry int64, content io.Reader, buf []byte) error {
	if hdr.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	if err := m.spend(1, 0, int64(len(hdr.Name)+len(hdr.Linkname))); err != nil {
		return err
	}
	parts, err := splitPath(hdr.Name)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return m.applyRoot(hdr)
	}
	dir, base := parts[:len(parts)-1], parts[len(parts)-1]
	if strings.HasPrefix(base, whiteoutPrefix) {
		return m.applyWhiteout(dir, base)
	}
	if hdr.Typeflag == tar.TypeLink {
		return m.applyLink(hdr, dir, base)
	}
	inode, err := m.inode(hdr)
	if err != nil {
		return fmt.Errorf("entry %q: %w", hdr.Name, err)
	}
	if hdr.Size > 0 && inode.Mode&syscall.S_IFMT == syscall.S_IFREG {
		if err := m.scan(inode, entry, content, buf); err != nil {
			return err
		}
	}
	parent, err := m.resolve(dir, true)
	if err != nil {
		return fmt.Errorf("entry %q: %w", hdr.Name, err)
	}
	if isOverlayWhiteout(inode) {
		parent.remove(base)
		return nil
	}
	parent.put(base, inode, m.layer)
	return nil
}

// scan reads the content of a file to find its holes and notes the file.
func (m *Merger) scan(inode *mkerofs.Inode, entry int64, content io.Reader, buf []byte) error {
	if err := m.spend(0, inode.Size, 0); err != nil {
		return err
	}
	holes := mkerofs.NewHoleScanner(inode.Size)
	if _, err := io.CopyBuffer(holes, content, buf); err != nil {
		return err
	}
	inode.Holes = holes.Holes()
	m.files[m.layer] = append(m.files[m.layer], File{Entry: entry, Inode: inode})
	return nil
}

// applyRoot applies an entry for the root directory itself.
func (m *Merger) applyRoot(hdr *tar.Header) error {
	if hdr.Typeflag != tar.TypeDir {
		return corrupt("entry %q: the root must be a directory", hdr.Name)
	}
	inode, err := m.inode(hdr)
	if err != nil {
		return fmt.Errorf("entry %q: %w", hdr.Name, err)
	}
	m.root.inode = inode
	return nil
}

func (m *Merger) applyWhiteout(dir []string, base string) error {
	target := strings.TrimPrefix(base, whiteoutPrefix)
	if base != opaqueMarker && strings.HasPrefix(base, aufsPrefix) {
		return nil
	}
	if target == "" || target == "." || target == ".." {
		return corrupt("entry %q: a whiteout of nothing", path.Join(append(dir, base)...))
	}
	parent, err := m.resolve(dir, false)
	if err != nil {
		return fmt.Errorf("entry %q: %w", path.Join(append(dir, base)...), err)
	}
	switch {
	case parent == nil:
	case base == opaqueMarker:
		parent.clearLower(m.layer)
	default:
		parent.removeLower(target, m.layer)
	}
	return nil
}

func (m *Merger) applyLink(hdr *tar.Header, dir []string, base string) error {
	target, err := splitPath(hdr.Linkname)
	if err != nil {
		return err
	}
	if len(target) == 0 {
		return corrupt("entry %q: a hard link to the root directory", hdr.Name)
	}
	parent, err := m.resolve(dir, true)
	if err != nil {
		return fmt.Errorf("entry %q: %w", hdr.Name, err)
	}
	parent.remove(base)
	last := len(target) - 1
	from, err := m.resolve(target[:last], false)
	if err != nil {
		return fmt.Errorf("entry %q: link target %q: %w", hdr.Name, hdr.Linkname, err)
	}
	var found *node
	if from != nil {
		found = from.children[target[last]]
	}
	switch {
	case found == nil:
		return corrupt("entry %q: a hard link to %q, which does not exist", hdr.Name, hdr.Linkname)
	case found.isDir():
		return corrupt("entry %q: a hard link to %q, which is a directory", hdr.Name, hdr.Linkname)
	}
	parent.put(base, found.inode, m.layer)
	return nil
}

// Tree returns the merged tree and, for each layer, the files in it whose
// contents are needed, in the order of the layer. The Merger cannot be used
// afterwards.
func (m *Merger) Tree() (root *mkerofs.Inode, files [][]File) {
	m.live = make(map[*mkerofs.Inode]bool)
	root = m.finish(m.root)
	for n, layer := range m.files {
		kept := layer[:0]
		for _, f := range layer {
			if m.live[f.Inode] {
				kept = append(kept, f)
			}
		}
		m.files[n] = kept
	}
	m.live = nil
	return root, m.files
}

// finish moves the names below n into the entries of its inode.
func (m *Merger) finish(n *node) *mkerofs.Inode {
	for name, child := range n.children {
		n.inode.Entries = append(n.inode.Entries, mkerofs.Dirent{Name: name, Inode: m.finish(child)})
	}
	if n.inode.Size > 0 {
		m.live[n.inode] = true
	}
	n.children = nil
	return n.inode
}
