package mkerofs

import (
	"encoding/binary"
	"fmt"
	"io"
	"syscall"
)

// WriteMetadata writes the superblock, all inodes, directories and symbolic
// links to w, which must read as zeros before.
func (p *Plan) WriteMetadata(w io.WriterAt) error {
	if err := p.writeTree(w, p.root, p.root.nid); err != nil {
		return err
	}
	block := super{
		rootNID: uint16(p.root.nid),
		inodes:  uint64(p.inodes),
		blocks:  uint32(p.blocks),
		uuid:    p.options.UUID,
		chunked: p.chunked,
	}.block()
	if _, err := w.WriteAt(block, 0); err != nil {
		return fmt.Errorf("write EROFS superblock: %w", err)
	}
	return nil
}

func (p *Plan) writeTree(w io.WriterAt, dir *Inode, parent uint64) error {
	if err := writeInode(w, dir, direntBlocks(dir, parent)); err != nil {
		return err
	}
	for _, e := range dir.Entries {
		var err error
		switch e.Inode.fileType() {
		case syscall.S_IFDIR:
			err = p.writeTree(w, e.Inode, dir.nid)
		case syscall.S_IFLNK:
			err = writeInode(w, e.Inode, []byte(e.Inode.Target))
		default:
			err = writeInode(w, e.Inode, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeInode writes i with its attributes and chunk map, and content, which is
// that of a directory or symbolic link.
func writeInode(w io.WriterAt, i *Inode, content []byte) error {
	head := appendXattrs(appendInode(nil, i), i.Xattrs)
	if i.Holes != nil {
		head = appendChunkMap(head, i)
	}
	if i.inline && content != nil {
		full := len(content) / BlockSize * BlockSize
		head = append(head, content[full:]...)
		content = content[:full]
	}
	if _, err := w.WriteAt(head, int64(i.nid)*nidUnit); err != nil {
		return fmt.Errorf("write EROFS inode: %w", err)
	}
	if len(content) == 0 {
		return nil
	}
	if _, err := w.WriteAt(content, i.dataBlock*BlockSize); err != nil {
		return fmt.Errorf("write EROFS directory: %w", err)
	}
	return nil
}

// appendChunkMap appends the first block of each chunk.
func appendChunkMap(b []byte, i *Inode) []byte {
	block := i.dataBlock
	chunk := ChunkSize(i.Size)
	for n := range chunkCount(i.Size) {
		if i.Holes.At(n) {
			b = binary.LittleEndian.AppendUint32(b, nullBlock)
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(block))
		block += toBlocks(min(chunk, i.Size-n*chunk))
	}
	return b
}

// WriteFile writes the content of i, a regular file of the plan, to w. It
// reads exactly i.Size bytes from r, by way of buf, whose length must be a
// multiple of [BlockSize] and not zero. Calls for different files may run at
// the same time.
func (p *Plan) WriteFile(w io.WriterAt, i *Inode, r io.Reader, buf []byte) error {
	at := i.dataBlock * BlockSize
	for pos := int64(0); pos < i.Size; {
		n, hole := i.run(pos, int64(len(buf)))
		if _, err := io.ReadFull(r, buf[:n]); err != nil {
			return fmt.Errorf("read %d bytes at %d: %w", n, pos, err)
		}
		pos += n
		if hole {
			continue
		}
		to := at
		if i.inline && pos == i.Size && n < BlockSize {
			to = int64(i.nid)*nidUnit + i.headSize()
		}
		if _, err := w.WriteAt(buf[:n], to); err != nil {
			return fmt.Errorf("write EROFS data: %w", err)
		}
		at += roundUp(n, BlockSize)
	}
	return nil
}

// run returns how many of the bytes from pos on, at most limit, are alike:
// hole or data. The inline tail is a run of its own.
func (i *Inode) run(pos, limit int64) (n int64, hole bool) {
	end := min(pos+limit, i.Size)
	if i.Holes == nil {
		if tail := i.Size % BlockSize; i.inline && end == i.Size && pos < i.Size-tail {
			end -= tail
		}
		return end - pos, false
	}
	chunk := ChunkSize(i.Size)
	hole = i.Holes.At(pos / chunk)
	stop := (pos/chunk + 1) * chunk
	for stop < end && i.Holes.At(stop/chunk) == hole {
		stop += chunk
	}
	return min(stop, end) - pos, hole
}
