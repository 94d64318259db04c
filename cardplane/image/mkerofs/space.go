package mkerofs

// openBlocks is how many partly filled blocks are kept in mind. More would
// pack a little tighter and spread neighbours further apart.
const openBlocks = 16

// space hands out room for inodes with what is stored behind them. Nothing of
// at most a block crosses a block boundary: Linux wants inline data within one
// block.
type space struct {
	blocks int64 // length of the image so far
	open   []gap // oldest first
}

// gap is the free end of a block.
type gap struct{ start, end int64 }

// newSpace starts behind the block of the superblock.
func newSpace() space { return space{blocks: 1} }

// allocate returns the offset in bytes of size free bytes. The first call
// returns the start of block 1, which keeps the root's node id in 16 bits.
func (s *space) allocate(size int64) int64 {
	size = roundUp(size, nidUnit)
	for n := range s.open {
		if g := &s.open[n]; g.end-g.start >= size {
			at := g.start
			g.start += size
			if g.start == g.end {
				s.open = append(s.open[:n], s.open[n+1:]...)
			}
			return at
		}
	}
	at := s.blocks * BlockSize
	s.blocks += toBlocks(size)
	if rest := (gap{at + size, s.blocks * BlockSize}); rest.start < rest.end {
		if len(s.open) == openBlocks {
			s.open = append(s.open[:0], s.open[1:]...)
		}
		s.open = append(s.open, rest)
	}
	return at
}
