package mkerofs

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// xattrPrefixes are the e_name_index values of struct erofs_xattr_entry. An
// exact name has nothing behind it: the POSIX ACLs.
var xattrPrefixes = []struct {
	prefix string
	exact  bool
	index  byte
}{
	{"user.", false, 1},
	{"system.posix_acl_access", true, 2},
	{"system.posix_acl_default", true, 3},
	{"trusted.", false, 4},
	{"security.", false, 6},
}

// splitXattr returns the index of name's prefix and the rest of name.
func splitXattr(name string) (index byte, suffix string, ok bool) {
	for _, p := range xattrPrefixes {
		if p.exact && name == p.prefix {
			return p.index, "", true
		}
		suffix, found := strings.CutPrefix(name, p.prefix)
		if !p.exact && found && suffix != "" {
			return p.index, suffix, true
		}
	}
	return 0, "", false
}

// XattrSupported reports whether Linux can show an extended attribute of this
// name on EROFS.
func XattrSupported(name string) bool {
	_, _, ok := splitXattr(name)
	return ok && len(name) <= 255
}

// checkXattrs refuses what does not fit the on-disk format.
func checkXattrs(xattrs map[string]string) error {
	for name, value := range xattrs {
		if !XattrSupported(name) {
			return fmt.Errorf("extended attribute %q: not storable in EROFS", name)
		}
		if len(value) > 0xffff {
			return fmt.Errorf("extended attribute %q: %d bytes, the limit is 65535", name, len(value))
		}
	}
	if size := xattrAreaSize(xattrs); size > xattrHeaderSize+0xfffe*xattrEntrySize {
		return fmt.Errorf("extended attributes take %d bytes together, too many for EROFS", size)
	}
	return nil
}

// xattrAreaSize is the space of the inline attributes behind an inode.
func xattrAreaSize(xattrs map[string]string) int {
	if len(xattrs) == 0 {
		return 0
	}
	size := xattrHeaderSize
	for name, value := range xattrs {
		_, suffix, _ := splitXattr(name)
		size += int(roundUp(int64(xattrEntrySize+len(suffix)+len(value)), xattrEntrySize))
	}
	return size
}

// xattrCount is i_xattr_icount: the area in units, the header counting one.
func xattrCount(xattrs map[string]string) uint16 {
	size := xattrAreaSize(xattrs)
	if size == 0 {
		return 0
	}
	return uint16((size-xattrHeaderSize)/xattrEntrySize + 1)
}

// appendXattrs appends the inline attribute area, names in order.
func appendXattrs(b []byte, xattrs map[string]string) []byte {
	if len(xattrs) == 0 {
		return b
	}
	b = append(b, make([]byte, xattrHeaderSize)...)
	for _, name := range slices.Sorted(maps.Keys(xattrs)) {
		index, suffix, _ := splitXattr(name)
		value := xattrs[name]
		b = append(b, byte(len(suffix)), index)
		b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
		b = append(b, suffix...)
		b = append(b, value...)
		for len(b)%xattrEntrySize != 0 {
			b = append(b, 0)
		}
	}
	return b
}
