package mkerofs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Inode is a file of any type, to be written by a [Plan]. A file with several
// names (hard links) is one *Inode in several directory entries. A plan keeps
// its own notes in the inode, so an inode belongs to one plan.
type Inode struct {
	// Mode is st_mode of stat(2): file type and permission bits.
	Mode uint32
	// UID and GID own the file.
	UID, GID uint32
	// Mtime is the modification time in seconds since 1970 and MtimeNsec the
	// nanoseconds within that second.
	Mtime     int64
	MtimeNsec uint32
	// Major and Minor are the device number of a device file.
	Major, Minor uint32
	// Size is the length of a regular file in bytes.
	Size int64
	// Holes marks the chunks of a regular file that hold only zeros and are
	// not stored; nil means that all of it is stored. See [HoleScanner].
	Holes Holes
	// Target is what a symbolic link points at.
	Target string
	// Xattrs are the extended attributes by full name ("security.capability").
	// Linux knows only the names for which [XattrSupported] is true.
	Xattrs map[string]string
	// Entries are the names in a directory, without "." and "..". The plan
	// sorts them.
	Entries []Dirent

	nid       uint64 // byte offset of the inode in the image over 32; 0 = not placed
	ino       uint32
	nlink     uint32
	inline    bool  // the last partial block lies behind the inode
	dataBlock int64 // first data block, if any
	dirSize   int64 // of a directory: bytes of its entries
}

// Dirent is a name in a directory.
type Dirent struct {
	Name  string
	Inode *Inode
}

func (i *Inode) fileType() uint32 { return i.Mode & syscall.S_IFMT }

func (i *Inode) isDir() bool { return i.fileType() == syscall.S_IFDIR }

// direntType is the file_type of a directory entry (enum in linux/fs_types.h).
func (i *Inode) direntType() (byte, error) {
	switch i.fileType() {
	case syscall.S_IFREG:
		return 1, nil
	case syscall.S_IFDIR:
		return 2, nil
	case syscall.S_IFCHR:
		return 3, nil
	case syscall.S_IFBLK:
		return 4, nil
	case syscall.S_IFIFO:
		return 5, nil
	case syscall.S_IFSOCK:
		return 6, nil
	case syscall.S_IFLNK:
		return 7, nil
	}
	return 0, fmt.Errorf("mode %#o: unknown file type", i.Mode)
}

// contentSize is i_size: the bytes that the inode's data has.
func (i *Inode) contentSize() int64 {
	switch i.fileType() {
	case syscall.S_IFREG:
		return i.Size
	case syscall.S_IFDIR:
		return i.dirSize
	case syscall.S_IFLNK:
		return int64(len(i.Target))
	}
	return 0
}

// storedSize is contentSize without holes, in bytes.
func (i *Inode) storedSize() int64 {
	size := i.contentSize()
	if i.Holes == nil {
		return size
	}
	chunk := ChunkSize(size)
	var blocks int64
	for n := range chunkCount(size) {
		if !i.Holes.At(n) {
			blocks += toBlocks(min(chunk, size-n*chunk))
		}
	}
	return blocks * BlockSize
}

// headSize is the space that the inode takes, with its attributes and chunk
// map and without inline data.
func (i *Inode) headSize() int64 {
	size := int64(inodeSize + xattrAreaSize(i.Xattrs))
	if i.Holes != nil {
		size += chunkCount(i.Size) * chunkMapEntrySize
	}
	return size
}

// rdev is the device number as Linux stores it (new_encode_dev).
func (i *Inode) rdev() uint32 {
	return i.Minor&0xff | i.Major<<8 | (i.Minor&^0xff)<<12
}

// sortEntries puts the names in the order that lookups in EROFS rely on:
// byte by byte.
func (i *Inode) sortEntries() {
	slices.SortFunc(i.Entries, func(a, b Dirent) int { return cmp.Compare(a.Name, b.Name) })
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("%q: no valid file name", name)
	}
	return nil
}
