package linktest

import (
	"errors"
	"io"
	"net"
	"sync"
)

// stream is a connection whose directions end independently.
type stream interface {
	net.Conn
	CloseWrite() error
}

// pair is one connection of the card and its continuation to the host.
type pair struct {
	card, host stream
	once       sync.Once
	closed     chan struct{}
}

func (p *pair) close() {
	p.once.Do(func() {
		close(p.closed)
		_ = errors.Join(p.card.Close(), p.host.Close())
	})
}

// block is how much is passed on at once, in bytes.
const block = 16 << 10

// copy passes one direction on to its end. A failure breaks the other
// direction too.
func (c *Cutter) copy(p *pair, d Direction, dst, src stream) {
	buf := make([]byte, block)
	for {
		n, err := src.Read(buf)
		if n > 0 && !c.pass(p, d, dst, buf[:n]) {
			p.close()
			return
		}
		if err != nil {
			_, _ = c.take(p, d, 0) // a stall holds the end up too
		}
		if errors.Is(err, io.EOF) {
			err = dst.CloseWrite()
			if err == nil {
				return
			}
		}
		if err != nil {
			p.close()
			return
		}
	}
}

// pass writes data, or as much of it as may pass before a cut.
func (c *Cutter) pass(p *pair, d Direction, dst stream, data []byte) bool {
	n, ok := c.take(p, d, len(data))
	if !ok {
		return false
	}
	_, err := dst.Write(data[:n])
	return !c.spent(d) && err == nil
}
