package stdio

import (
	"sync"

	"github.com/cardplane/cardplane/openapi/guestwire"
)

// Pool holds free chunks for all Outputs that share it. Chunks that nobody
// uses for a while go back to the garbage collector. The zero value is ready.
type Pool struct{ chunks sync.Pool }

// chunk is a piece of an Output's bytes, as large as the largest frame.
type chunk struct {
	// start is the offset of buf[0].
	start int64
	// buf is filled up to its length. Bytes below the length never change
	// while refs > 0 or the chunk is in an Output.
	buf []byte
	// refs counts the views that read buf without the lock.
	refs int
	// dead is set when the chunk has left the Output; the last view frees it.
	dead bool
}

func (p *Pool) get(start int64) *chunk {
	c, ok := p.chunks.Get().(*chunk)
	if !ok {
		c = &chunk{buf: make([]byte, 0, guestwire.MaxPayloadSize)}
	}
	c.start, c.buf, c.dead = start, c.buf[:0], false
	return c
}

// end is the offset after the chunk's last byte.
func (c *chunk) end() int64 { return c.start + int64(len(c.buf)) }

// room is the part of buf not yet filled.
func (c *chunk) room() []byte { return c.buf[len(c.buf):cap(c.buf)] }

// drop takes the chunk out of use, now or after its last view.
func (p *Pool) drop(c *chunk) {
	c.dead = true
	p.freeIfUnused(c)
}

func (p *Pool) freeIfUnused(c *chunk) {
	if c.dead && c.refs == 0 {
		p.chunks.Put(c)
	}
}
