package layer

import (
	"strings"
)

// splitPath returns the components of name, relative to the root, without "."
// and with ".." resolved in the text, as tar extractors do.
func splitPath(name string) ([]string, error) {
	if len(name) > maxPath {
		return nil, corrupt("an entry with a name of %d bytes, more than %d", len(name), maxPath)
	}
	if strings.IndexByte(name, 0) >= 0 {
		return nil, corrupt("entry %q: a NUL byte in the name", name)
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
		case part == ".." && len(parts) == 0:
			return nil, corrupt("entry %q: the name leads out of the image", name)
		case part == "..":
			parts = parts[:len(parts)-1]
		case len(part) > maxName:
			return nil, corrupt("entry %q: a name longer than %d bytes", name, maxName)
		default:
			parts = append(parts, part)
		}
	}
	if len(parts) > maxDepth {
		return nil, corrupt("entry %q: more than %d directories deep", name, maxDepth)
	}
	return parts, nil
}

// resolve returns the directory at the given path. It follows symbolic links
// inside the root. What is missing it makes, if create is set, or else returns
// nil.
func (m *Merger) resolve(parts []string, create bool) (*node, error) {
	stack := []*node{m.root}
	links := 0
	for len(parts) > 0 {
		part := parts[0]
		parts = parts[1:]
		at := stack[len(stack)-1]
		if part == "." || part == "" {
			continue
		}
		if part == ".." {
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		child := at.children[part]
		if child == nil {
			if !create {
				return nil, nil
			}
			var err error
			if child, err = m.makeDir(at, part); err != nil {
				return nil, err
			}
		}
		switch {
		case child.isDir():
			if len(stack) > maxDepth {
				return nil, corrupt("more than %d directories deep", maxDepth)
			}
			stack = append(stack, child)
		case child.isSymlink():
			if links++; links > maxSymlinks {
				return nil, corrupt("more than %d symbolic links in one path", maxSymlinks)
			}
			if strings.HasPrefix(child.inode.Target, "/") {
				stack = stack[:1]
			}
			parts = append(strings.Split(child.inode.Target, "/"), parts...)
		default:
			return nil, corrupt("the parent %q is no directory", part)
		}
	}
	return stack[len(stack)-1], nil
}

func (m *Merger) makeDir(parent *node, name string) (*node, error) {
	if len(name) > maxName {
		return nil, corrupt("a name longer than %d bytes", maxName)
	}
	if err := m.spend(1, 0, int64(len(name))); err != nil {
		return nil, err
	}
	dir := newImpliedDir(m.layer)
	parent.add(name, dir)
	return dir, nil
}
