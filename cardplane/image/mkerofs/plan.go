package mkerofs

import (
	"errors"
	"fmt"
	"math"
	"syscall"
)

// Options are the parameters of a filesystem apart from its tree.
type Options struct {
	// UUID identifies the filesystem; it should follow from the tree, so that
	// the same tree gives the same bytes.
	UUID [16]byte
}

// Plan knows the place of every byte of a filesystem.
type Plan struct {
	root    *Inode
	options Options
	space   space
	inodes  uint32
	blocks  int64
	chunked bool
}

// NewPlan lays out the filesystem under root, which must be a directory. It
// fails on a tree that EROFS or Linux cannot represent.
func NewPlan(root *Inode, options Options) (*Plan, error) {
	if !root.isDir() {
		return nil, errors.New("plan EROFS: the root is no directory")
	}
	p := &Plan{root: root, options: options, space: newSpace()}
	if err := p.place(root); err != nil {
		return nil, fmt.Errorf("plan EROFS: %w", err)
	}
	if err := p.placeChildren(root); err != nil {
		return nil, fmt.Errorf("plan EROFS: %w", err)
	}
	p.blocks = p.space.blocks
	p.placeData(root)
	if p.blocks > math.MaxUint32-1 {
		return nil, fmt.Errorf("plan EROFS: %d blocks, the limit is 2^32-2", p.blocks)
	}
	return p, nil
}

// Size returns the size of the image in bytes, a multiple of [BlockSize].
func (p *Plan) Size() int64 { return p.blocks * BlockSize }

// place gives i its position among the inodes.
func (p *Plan) place(i *Inode) error {
	if _, err := i.direntType(); err != nil {
		return err
	}
	if err := checkXattrs(i.Xattrs); err != nil {
		return err
	}
	if i.isDir() {
		if err := i.checkEntries(); err != nil {
			return err
		}
		i.sortEntries()
		_, i.dirSize = packDirents(i)
		i.nlink = 2
	}
	if i.fileType() != syscall.S_IFREG {
		i.Size, i.Holes = 0, nil
	}
	p.chunked = p.chunked || i.Holes != nil
	p.inodes++
	i.ino = p.inodes

	head := i.headSize()
	tail := i.contentSize() % BlockSize
	i.inline = i.Holes == nil && tail > 0 && head+tail <= BlockSize
	if i.inline {
		head += tail
	}
	i.nid = uint64(p.space.allocate(head) / nidUnit)
	return nil
}

func (i *Inode) checkEntries() error {
	seen := make(map[string]struct{}, len(i.Entries))
	for _, e := range i.Entries {
		if err := checkName(e.Name); err != nil {
			return err
		}
		if _, twice := seen[e.Name]; twice {
			return fmt.Errorf("%q: twice in one directory", e.Name)
		}
		seen[e.Name] = struct{}{}
	}
	return nil
}

// placeChildren places everything below dir. The inodes of one directory come
// one after the other, so that listing it reads few blocks.
func (p *Plan) placeChildren(dir *Inode) error {
	for _, e := range dir.Entries {
		if e.Inode.isDir() {
			dir.nlink++
		} else {
			e.Inode.nlink++
		}
		if e.Inode.nid != 0 {
			if e.Inode.isDir() {
				return fmt.Errorf("%s: a directory cannot have two names", e.Name)
			}
			continue
		}
		if err := p.place(e.Inode); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		if !e.Inode.isDir() {
			e.Inode.nlink = 1
		}
	}
	for _, e := range dir.Entries {
		if e.Inode.isDir() {
			if err := p.placeChildren(e.Inode); err != nil {
				return fmt.Errorf("%s/%w", e.Name, err)
			}
		}
	}
	return nil
}

// placeData gives dir and everything below it data blocks.
func (p *Plan) placeData(dir *Inode) {
	p.reserve(dir)
	for _, e := range dir.Entries {
		if !e.Inode.isDir() {
			p.reserve(e.Inode)
		}
	}
	for _, e := range dir.Entries {
		if e.Inode.isDir() {
			p.placeData(e.Inode)
		}
	}
}

func (p *Plan) reserve(i *Inode) {
	if i.dataBlock != 0 {
		return
	}
	blocks := toBlocks(i.storedSize())
	if i.inline {
		blocks = i.storedSize() / BlockSize
	}
	if blocks > 0 {
		i.dataBlock = p.blocks
		p.blocks += blocks
	}
}
