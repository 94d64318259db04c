package vhosttest

import (
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
)

// Conn is a guest's end of a connection. It has no deadlines: a test that may
// hang relies on the test's own time limit.
type Conn struct {
	g       *Guest
	key     connKey
	changed sync.Cond // on g.mu, which guards what follows

	open      bool
	err       error  // final
	buf       []byte // received and not read
	alloc     uint32
	received  uint32
	taken     uint32 // read by Read
	told      uint32 // value of taken that the device knows
	sent      uint32
	peerAlloc uint32
	peerFwd   uint32
	shutIn    uint32 // flags that the host has shut down
	shutOut   uint32
}

func (c *Conn) sendLocked(op packet.Op, flags uint32, payload []byte) {
	c.told = c.taken
	c.g.postLocked(packet.Header{
		SrcPort: c.key.guestPort, DstPort: c.key.hostPort, Op: op, Flags: flags,
		BufAlloc: c.alloc, FwdCnt: c.taken,
	}, payload)
}

func (c *Conn) receiveLocked(payload []byte) error {
	c.received += uint32(len(payload))
	if over := c.received - c.taken; over > c.alloc {
		return fmt.Errorf("device sent %d bytes into a buffer of %d", over, c.alloc)
	}
	if c.shutIn&packet.ShutdownSend != 0 {
		return fmt.Errorf("device sent data after its shutdown")
	}
	c.buf = append(c.buf, payload...)
	return nil
}

// shutdownLocked does as Linux: a connection that the host has shut both ways
// is answered with a reset once nothing is left to read.
func (c *Conn) shutdownLocked(flags uint32) {
	c.shutIn |= flags
	c.finishLocked()
}

func (c *Conn) finishLocked() {
	if c.shutIn != packet.ShutdownBoth || len(c.buf) > 0 || c.err != nil {
		return
	}
	c.failLocked(io.EOF)
	delete(c.g.conns, c.key)
	c.sendLocked(packet.OpReset, 0, nil)
}

func (c *Conn) failLocked(err error) {
	if c.err == nil {
		c.err = err
	}
	c.changed.Broadcast()
}

// Read implements io.Reader. A reset after the host's end of stream is an end
// of stream.
func (c *Conn) Read(b []byte) (int, error) {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	for len(c.buf) == 0 {
		if c.shutIn&packet.ShutdownSend != 0 {
			return 0, io.EOF
		}
		if c.err != nil {
			return 0, c.err
		}
		c.changed.Wait()
	}
	n := copy(b, c.buf)
	c.buf = c.buf[n:]
	c.taken += uint32(n)
	if c.err != nil {
		return n, nil
	}
	if c.alloc-(c.taken-c.told) < c.alloc/2 || len(c.buf) == 0 {
		c.sendLocked(packet.OpCreditUpdate, 0, nil)
	}
	c.finishLocked()
	return n, nil
}

// Write implements io.Writer. It waits for credit.
func (c *Conn) Write(b []byte) (int, error) {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	done := 0
	for done < len(b) {
		credit := c.creditLocked()
		switch {
		case c.err != nil:
			return done, c.err
		case c.shutIn&packet.ShutdownReceive != 0 || c.shutOut&packet.ShutdownSend != 0:
			return done, unix.EPIPE
		case credit <= 0:
			c.changed.Wait()
			continue
		}
		n := min(len(b)-done, credit, packet.MaxPayload)
		c.sendLocked(packet.OpData, 0, b[done:done+n])
		c.sent += uint32(n)
		done += n
	}
	return done, nil
}

// CloseWrite tells the host that no more bytes come.
func (c *Conn) CloseWrite() error { return c.Shutdown(packet.ShutdownSend) }

// Shutdown ends directions of the connection for good.
func (c *Conn) Shutdown(flags uint32) error {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	c.shutOut |= flags
	if c.err == nil {
		c.sendLocked(packet.OpShutdown, c.shutOut, nil)
	}
	return nil
}

// Close shuts both directions down; the device answers with a reset.
func (c *Conn) Close() error { return c.Shutdown(packet.ShutdownBoth) }

// Reset ends the connection at once.
func (c *Conn) Reset() error {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	c.failLocked(unix.ECONNRESET)
	delete(c.g.conns, c.key)
	c.sendLocked(packet.OpReset, 0, nil)
	return nil
}

// WaitReset waits until the device has reset the connection or it has ended.
func (c *Conn) WaitReset() error {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	for c.err == nil {
		c.changed.Wait()
	}
	return c.err
}

// HostPort is the host's port of the connection.
func (c *Conn) HostPort() uint32 { return c.key.hostPort }

// Credit is how many bytes the device has room for now.
func (c *Conn) Credit() int {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	return c.creditLocked()
}

func (c *Conn) creditLocked() int { return int(c.peerAlloc) - int(c.sent-c.peerFwd) }
