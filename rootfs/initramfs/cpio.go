// Package initramfs writes the small initial file system that a prebuilt kernel
// needs: the modules for its root disk and a program, cmd/initrd-init, that
// loads them and hands over to the real root.
//
// The archive is normalised: entries in the order given, numbered from 1, owned
// by root, dated 1970, not compressed. Equal input gives equal bytes.
package initramfs

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// File types in cpio's mode field, as in stat(2).
const (
	typeDir  = 0o040000
	typeFile = 0o100000
)

// Entry is a file or directory of the archive.
type Entry struct {
	// Name is the path without a leading slash.
	Name string
	// Mode is the permission bits.
	Mode uint32
	// Dir makes it a directory; Content is then ignored.
	Dir     bool
	Content []byte
}

// trailer is the name that ends a cpio archive.
const trailer = "TRAILER!!!"

// WriteCPIO writes the entries in the "newc" format of
// Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
// A directory must be given before what it holds: the kernel makes no parents.
func WriteCPIO(w io.Writer, entries []Entry) error {
	seen := map[string]bool{"": true} // name to whether it is a directory
	for i, e := range entries {
		if err := checkEntry(e, seen); err != nil {
			return fmt.Errorf("initramfs entry %q: %w", e.Name, err)
		}
		if err := writeEntry(w, i+1, e); err != nil {
			return fmt.Errorf("initramfs entry %q: %w", e.Name, err)
		}
	}
	return writeHeader(w, header{name: trailer, links: 1})
}

func checkEntry(e Entry, seen map[string]bool) error {
	parent := e.Name[:max(strings.LastIndexByte(e.Name, '/'), 0)]
	_, twice := seen[e.Name]
	switch {
	case e.Name == trailer:
		return errors.New("is the name that ends an archive")
	case e.Name == "" || e.Name[0] == '/':
		return errors.New("name is empty or absolute")
	case twice:
		return errors.New("is there twice")
	case !seen[parent]:
		return fmt.Errorf("directory %q does not come before it", parent)
	case len(e.Content) > 1<<31-1:
		return errors.New("is larger than 2 GiB")
	}
	seen[e.Name] = e.Dir
	return nil
}

func writeEntry(w io.Writer, inode int, e Entry) error {
	h := header{inode: inode, mode: typeFile | e.Mode&0o7777, links: 1, size: len(e.Content), name: e.Name}
	if e.Dir {
		h.mode, h.links, h.size = typeDir|e.Mode&0o7777, 2, 0
	}
	if err := writeHeader(w, h); err != nil {
		return err
	}
	if e.Dir {
		return nil
	}
	if _, err := w.Write(e.Content); err != nil {
		return err
	}
	return pad(w, len(e.Content))
}

// header holds the fields that are not always zero.
type header struct {
	inode, links, size int
	mode               uint32
	name               string
}

// writeHeader writes the 110 bytes of a header, the name with its NUL, and the
// padding to 4 bytes.
func writeHeader(w io.Writer, h header) error {
	const uid, gid, mtime, device, checksum = 0, 0, 0, 0, 0
	n, err := fmt.Fprintf(w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		h.inode, h.mode, uid, gid, h.links, mtime, h.size,
		device, device, device, device, len(h.name)+1, checksum, h.name)
	if err != nil {
		return err
	}
	return pad(w, n)
}

func pad(w io.Writer, written int) error {
	_, err := w.Write(make([]byte, -written&3))
	return err
}
