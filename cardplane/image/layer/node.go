package layer

import (
	"strings"
	"syscall"

	"github.com/cardplane/cardplane/cardplane/image/mkerofs"
)

// node is a name in the tree that layers have made so far.
type node struct {
	inode    *mkerofs.Inode
	layer    int // the layer that made this name last
	cleared  int // the last layer that cleared lower names below
	children map[string]*node
}

func newImpliedDir(layer int) *node {
	return &node{inode: &mkerofs.Inode{Mode: syscall.S_IFDIR | 0o755}, layer: layer, cleared: -1}
}

func (n *node) isDir() bool { return n.inode.Mode&syscall.S_IFMT == syscall.S_IFDIR }

func (n *node) isSymlink() bool { return n.inode.Mode&syscall.S_IFMT == syscall.S_IFLNK }

// put makes name stand for inode. A directory over a directory keeps its
// children.
func (n *node) put(name string, inode *mkerofs.Inode, layer int) {
	isDir := inode.Mode&syscall.S_IFMT == syscall.S_IFDIR
	if old := n.children[name]; old != nil && old.isDir() && isDir {
		old.inode, old.layer = inode, layer
		return
	}
	n.add(name, &node{inode: inode, layer: layer, cleared: -1})
}

func (n *node) add(name string, child *node) {
	if n.children == nil {
		n.children = make(map[string]*node)
	}
	// The name is part of a longer string that should not be kept alive.
	n.children[strings.Clone(name)] = child
}

func (n *node) remove(name string) { delete(n.children, name) }

// removeLower removes name as far as layers below the given one made it: a
// directory stays, as the parent of what the given layer put into it.
func (n *node) removeLower(name string, layer int) {
	child := n.children[name]
	if child == nil {
		return
	}
	child.clearLower(layer)
	if child.layer < layer && len(child.children) == 0 {
		n.remove(name)
	}
}

// clearLower removes everything in n that layers below the given one made.
// Once done it has nothing to do again in the same layer, however often the
// layer asks for it.
func (n *node) clearLower(layer int) {
	if n.cleared == layer {
		return
	}
	n.cleared = layer
	for name := range n.children {
		n.removeLower(name, layer)
	}
}
