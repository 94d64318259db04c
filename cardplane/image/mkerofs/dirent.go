package mkerofs

import "encoding/binary"

// entry is a directory entry as it is stored, with "." and ".." among them.
type entry struct {
	name string
	nid  uint64
	typ  byte
}

// dirEntries returns the stored entries of dir in order. "." and ".." are not
// always the first: "!" and "-" sort before them.
func dirEntries(dir *Inode, parent uint64) []entry {
	entries := make([]entry, 0, len(dir.Entries)+2)
	dots := []entry{{".", dir.nid, 2}, {"..", parent, 2}}
	for _, e := range dir.Entries {
		for len(dots) > 0 && dots[0].name < e.Name {
			entries = append(entries, dots[0])
			dots = dots[1:]
		}
		typ, _ := e.Inode.direntType() // checked when the inode was placed
		entries = append(entries, entry{e.Name, e.Inode.nid, typ})
	}
	return append(entries, dots...)
}

// packDirents says how the entries of dir fill blocks: the number of entries
// in each, and the size of the whole. All blocks but the last are full.
func packDirents(dir *Inode) (counts []int, size int64) {
	used, count := 0, 0
	for _, e := range dirEntries(dir, 0) {
		need := direntSize + len(e.name)
		if used+need > BlockSize {
			counts = append(counts, count)
			used, count = 0, 0
		}
		used += need
		count++
	}
	return append(counts, count), int64(len(counts))*BlockSize + int64(used)
}

// direntBlocks returns the content of dir: in each block the fixed-size parts
// of its entries, then their names.
func direntBlocks(dir *Inode, parent uint64) []byte {
	counts, size := packDirents(dir)
	out := make([]byte, 0, size)
	entries := dirEntries(dir, parent)
	for n, count := range counts {
		block := entries[:count]
		entries = entries[count:]
		nameOffset := count * direntSize
		for _, e := range block {
			out = binary.LittleEndian.AppendUint64(out, e.nid)
			out = binary.LittleEndian.AppendUint16(out, uint16(nameOffset))
			out = append(out, e.typ, 0)
			nameOffset += len(e.name)
		}
		for _, e := range block {
			out = append(out, e.name...)
		}
		if n < len(counts)-1 {
			out = append(out, make([]byte, (n+1)*BlockSize-len(out))...)
		}
	}
	return out
}
