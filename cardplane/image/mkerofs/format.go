package mkerofs

import (
	"encoding/binary"
	"hash/crc32"
)

// BlockSize is the size of a filesystem block in bytes. Linux mounts only
// blocks of at most the page size, so this is the one that fits everywhere.
const BlockSize = 4096

// Sizes and offsets of on-disk structures in bytes (erofs_fs.h).
const (
	superOffset       = 1024 // EROFS_SUPER_OFFSET
	superMagic        = 0xE0F5E1E2
	inodeSize         = 64 // struct erofs_inode_extended
	nidUnit           = 32 // node ids count these
	direntSize        = 12 // struct erofs_dirent
	xattrHeaderSize   = 12 // struct erofs_xattr_ibody_header
	xattrEntrySize    = 4  // struct erofs_xattr_entry
	chunkMapEntrySize = 4  // EROFS_BLOCK_MAP_ENTRY_SIZE
)

// Feature flags (erofs_fs.h).
const (
	compatSuperChecksum        = 0x1 // EROFS_FEATURE_COMPAT_SB_CHKSUM
	compatMtime                = 0x2 // EROFS_FEATURE_COMPAT_MTIME
	incompatChunkedFile        = 0x4 // EROFS_FEATURE_INCOMPAT_CHUNKED_FILE
	layoutFlatPlain            = 0   // EROFS_INODE_FLAT_PLAIN
	layoutFlatInline           = 2   // EROFS_INODE_FLAT_INLINE
	layoutChunkBased           = 4   // EROFS_INODE_CHUNK_BASED
	formatExtended             = 1   // EROFS_I_VERSION_BIT: extended inode
	formatLayoutShift          = 1   // EROFS_I_DATALAYOUT_BIT
	nullBlock           uint32 = 0xFFFFFFFF
)

// super is what varies in struct erofs_super_block.
type super struct {
	rootNID uint16
	inodes  uint64
	blocks  uint32
	uuid    [16]byte
	chunked bool
}

// block returns the superblock in the block it lies in.
func (s super) block() []byte {
	block := make([]byte, BlockSize)
	b := block[superOffset:]
	le := binary.LittleEndian
	le.PutUint32(b[0:], superMagic)
	le.PutUint32(b[8:], compatSuperChecksum|compatMtime)
	b[12] = 12 // log2(BlockSize)
	le.PutUint16(b[14:], s.rootNID)
	le.PutUint64(b[16:], s.inodes)
	le.PutUint32(b[36:], s.blocks)
	copy(b[48:], s.uuid[:])
	if s.chunked {
		le.PutUint32(b[80:], incompatChunkedFile)
	}
	// The checksum covers the rest of the block, with its own field zero, and
	// is not inverted at the end as CRC-32C usually is.
	le.PutUint32(b[4:], ^crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return block
}

// appendInode appends i as a struct erofs_inode_extended.
func appendInode(b []byte, i *Inode) []byte {
	le := binary.LittleEndian
	layout, data := uint16(layoutFlatPlain), uint32(i.dataBlock)
	switch {
	case i.Holes != nil:
		layout, data = layoutChunkBased, uint32(chunkBits(i.Size))
	case i.inline:
		layout = layoutFlatInline
	case i.contentSize() == 0:
		data = i.rdev()
	}
	b = le.AppendUint16(b, layout<<formatLayoutShift|formatExtended)
	b = le.AppendUint16(b, xattrCount(i.Xattrs))
	b = le.AppendUint16(b, uint16(i.Mode))
	b = le.AppendUint16(b, 0)
	b = le.AppendUint64(b, uint64(i.contentSize()))
	b = le.AppendUint32(b, data)
	b = le.AppendUint32(b, i.ino)
	b = le.AppendUint32(b, i.UID)
	b = le.AppendUint32(b, i.GID)
	b = le.AppendUint64(b, uint64(i.Mtime))
	b = le.AppendUint32(b, i.MtimeNsec)
	b = le.AppendUint32(b, i.nlink)
	return append(b, make([]byte, 16)...)
}

// toBlocks returns the number of blocks that size bytes take.
func toBlocks(size int64) int64 { return (size + BlockSize - 1) / BlockSize }

// roundUp rounds n up to a multiple of unit.
func roundUp(n, unit int64) int64 { return (n + unit - 1) / unit * unit }
