package mkerofs

import "bytes"

const (
	// maxChunks bounds the chunk map of a file, and with it the memory that a
	// sparse file takes while it is planned: 8 KiB of bitmap.
	maxChunks = 1 << 16
	// minHoleBytes is how many zeros have to be saved before a chunk map is
	// worth its lookups.
	minHoleBytes = 64 << 10
)

// Holes is a bitmap over the chunks of a file; a set bit is a hole.
type Holes []uint64

// At reports whether chunk n is a hole.
func (h Holes) At(n int64) bool { return h[n/64]&(1<<(n%64)) != 0 }

func (h Holes) set(n int64) { h[n/64] |= 1 << (n % 64) }

// chunkBits is the binary logarithm of the number of blocks in a chunk of a
// file of size bytes: the least with which the file has at most maxChunks.
func chunkBits(size int64) uint {
	var bits uint
	for size > maxChunks*BlockSize<<bits {
		bits++
	}
	return bits
}

// ChunkSize returns the granularity in bytes at which a file of size bytes can
// have holes.
func ChunkSize(size int64) int64 { return BlockSize << chunkBits(size) }

func chunkCount(size int64) int64 {
	chunk := ChunkSize(size)
	return (size + chunk - 1) / chunk
}

// HoleScanner finds the holes of one file. It is an [io.Writer] for the whole
// content of the file.
type HoleScanner struct {
	size  int64
	chunk int64
	pos   int64
	dirty bool // the current chunk has a byte that is not zero
	holes Holes
	saved int64
}

// NewHoleScanner returns a scanner for a file of size bytes.
func NewHoleScanner(size int64) *HoleScanner {
	return &HoleScanner{size: size, chunk: ChunkSize(size)}
}

var zeros [64 << 10]byte

func isZero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}

// Write scans the next len(p) bytes of the file. It never fails.
func (s *HoleScanner) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part := p[:min(int64(len(p)), s.chunk-s.pos%s.chunk)]
		p = p[len(part):]
		if !s.dirty {
			s.dirty = !isZero(part)
		}
		s.pos += int64(len(part))
		if s.pos%s.chunk == 0 || s.pos == s.size {
			s.endChunk()
		}
	}
	return n, nil
}

func (s *HoleScanner) endChunk() {
	if !s.dirty {
		if s.holes == nil {
			s.holes = make(Holes, (chunkCount(s.size)+63)/64)
		}
		start := (s.pos - 1) / s.chunk * s.chunk
		s.holes.set((s.pos - 1) / s.chunk)
		s.saved += s.pos - start
	}
	s.dirty = false
}

// Holes returns the file's holes, or nil if it has too few to matter.
func (s *HoleScanner) Holes() Holes {
	if s.saved < minHoleBytes {
		return nil
	}
	return s.holes
}
