package vhostvsock

// maxSpare is how many empty backlog buffers a device keeps for the next slow
// reader.
const maxSpare = 4

// backlog holds bytes that the guest has sent and the host socket has not
// taken. Empty, it has no buffer.
type backlog struct {
	buf  []byte
	done int // bytes at the start of buf that are written
}

func (b *backlog) empty() bool { return len(b.buf) == 0 }

func (b *backlog) bytes() []byte { return b.buf[b.done:] }

// spares are buffers of backlogs that have emptied.
type spares [][]byte

// add appends the bytes of src from offset skip on.
func (s *spares) add(b *backlog, src [][]byte, skip int) {
	if b.buf == nil && len(*s) > 0 {
		last := len(*s) - 1
		b.buf, *s = (*s)[last], (*s)[:last]
	}
	if b.done > len(b.buf)/2 {
		n := copy(b.buf, b.bytes())
		b.buf, b.done = b.buf[:n], 0
	}
	b.buf = appendBytes(b.buf, src, skip)
}

// consume drops the first n bytes, and the buffer with the last of them.
func (s *spares) consume(b *backlog, n int) {
	b.done += n
	if b.done == len(b.buf) {
		s.drop(b)
	}
}

// drop empties b. A buffer that grew beyond what a connection can need twice
// over is not worth keeping.
func (s *spares) drop(b *backlog) {
	if b.buf != nil && len(*s) < maxSpare && cap(b.buf) <= 2*bufAlloc {
		*s = append(*s, b.buf[:0])
	}
	*b = backlog{}
}
