package vhostvsock

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/ring"
)

// drainTX handles packets of the guest until there are none, the budget is
// used up, or too many resets wait for receive buffers.
func (m *muxer) drainTX() error {
	if !m.txWork {
		return nil
	}
	taken := 0
	q := m.tx.queue
	q.DisableKicks()
	n, err := q.Available()
	for done := 0; err == nil && done < budget && m.resets.len() < maxResets; done++ {
		if n == 0 {
			if n, err = q.EnableKicks(); err != nil || n == 0 {
				m.txWork = false
				break
			}
		}
		if err = q.Peek(0, &m.chain); err != nil {
			break
		}
		if err = m.handleChain(&m.chain); err != nil {
			break
		}
		q.Complete(&m.chain, 0)
		taken++
		n--
	}
	if err != nil {
		return fmt.Errorf("transmit ring: %w", err)
	}
	q.Publish()
	m.owe(taken)
	return nil
}

// owe puts off telling the driver that n more of its packets are taken. It
// only wants the memory back, and an interrupt for every packet costs the
// guest time that it could send in, most of all when it is emulated.
func (m *muxer) owe(n int) {
	if n == 0 {
		return
	}
	if m.txOwed == 0 {
		m.txDue = m.now.Add(signalDelay)
	}
	m.txOwed += n
	m.payTX()
}

// payTX tells the driver when enough packets have gathered, before it could
// run out of descriptors, or when the oldest has waited long enough.
func (m *muxer) payTX() {
	enough := min(signalBatch, m.tx.queue.Size()/4)
	if m.txOwed >= enough || !m.now.Before(m.txDue) {
		m.payAllTX()
	}
}

// payAllTX tells the driver now, for instance because the ring is to stop.
func (m *muxer) payAllTX() {
	if m.attached() && m.txOwed > 0 {
		m.txOwed = 0
		m.tx.signal()
	}
}

func (m *muxer) handleChain(c *ring.Chain) error {
	var buf [packet.HeaderSize]byte
	if gather(buf[:], c.Readable) != len(buf) {
		return fmt.Errorf("%w: packet of %d bytes", ring.ErrBroken, c.ReadLen)
	}
	h := packet.Decode(buf[:])
	// Nobody is at another address.
	if h.DstCID != packet.HostCID || h.SrcCID != m.cid {
		return nil
	}
	room := c.ReadLen - packet.HeaderSize
	if h.Type != packet.TypeStream || h.Len > packet.MaxPayload || uint64(h.Len) > room {
		m.refuse(&h)
		return nil
	}
	return m.handlePacket(&h, c)
}

// refuse answers a packet that makes no sense.
func (m *muxer) refuse(h *packet.Header) {
	key := connKey{hostPort: h.DstPort, guestPort: h.SrcPort}
	if c := m.byKey[key]; c != nil {
		m.abort(c)
		return
	}
	// A reset is never answered: the ports may belong to a new connection.
	if h.Op != packet.OpReset {
		m.reset(key)
	}
}

func (m *muxer) handlePacket(h *packet.Header, chain *ring.Chain) error {
	c := m.byKey[connKey{hostPort: h.DstPort, guestPort: h.SrcPort}]
	if c == nil {
		if h.Op == packet.OpRequest {
			m.open(h)
		} else {
			m.refuse(h)
		}
		return nil
	}
	c.learn(h)
	var err error
	switch {
	case h.Op == packet.OpReset:
		m.drain(c)
	case h.Op == packet.OpResponse && c.state == stateRequested && c.known:
		m.accepted(c)
	case c.state != stateOpen && c.state != stateClosing:
		m.refuse(h)
	case h.Op == packet.OpData:
		err = m.handleData(c, h, chain)
	case h.Op == packet.OpShutdown:
		m.handleShutdown(c, uint8(h.Flags&packet.ShutdownBoth))
	case h.Op == packet.OpCreditUpdate:
	case h.Op == packet.OpCreditRequest:
		c.pending |= pendCredit
	default:
		m.refuse(h)
	}
	m.enqueue(c)
	return err
}

func (m *muxer) handleData(c *conn, h *packet.Header, chain *ring.Chain) error {
	if c.shutIn&packet.ShutdownSend != 0 || h.Len > c.room() {
		m.refuse(h)
		return nil
	}
	m.segs = appendRange(m.segs[:0], chain.Readable, packet.HeaderSize, uint64(h.Len))
	return m.deliver(c, m.segs, h.Len)
}

// handleShutdown takes the directions that the guest has ended. When it has
// ended both, it only waits for a reset.
func (m *muxer) handleShutdown(c *conn, flags uint8) {
	c.shutIn |= flags
	if c.shutIn == packet.ShutdownBoth {
		m.reset(c.key)
		m.drain(c)
		return
	}
	if c.shutIn&packet.ShutdownSend != 0 && c.backlog.empty() {
		_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	}
	if flags&packet.ShutdownReceive != 0 {
		m.stopReading(c)
	}
}

// fillRX sends to the guest until there is nothing to send, no receive buffer
// is left, or the budget is used up.
func (m *muxer) fillRX() error {
	if !m.hasOutput() || m.rxParked {
		return nil
	}
	q := m.rx.queue
	q.DisableKicks()
	n, err := q.Available()
	for done := 0; err == nil && done < budget && m.hasOutput(); {
		if n == 0 {
			if n, err = q.EnableKicks(); err != nil || n == 0 {
				m.rxParked = err == nil
				break
			}
		}
		var used int
		used, err = m.sendNext(n)
		n -= used
		done += max(used, 1)
	}
	if err != nil {
		return fmt.Errorf("receive ring: %w", err)
	}
	q.Publish()
	m.rx.signal()
	return nil
}

// sendNext does the next piece of output with at most n receive buffers and
// returns how many it used.
func (m *muxer) sendNext(n int) (used int, err error) {
	if m.resets.len() > 0 {
		return m.sendReset()
	}
	c := m.ready.pop()
	if !c.hasOutput() {
		return 0, nil
	}
	if op := c.nextControl(); op != packet.OpInvalid {
		used, err = m.sendControl(c, op)
	} else if c.credit() == 0 {
		c.asked = true
		used, err = m.sendControl(c, packet.OpCreditRequest)
	} else {
		used, err = m.sendData(c, n)
	}
	m.enqueue(c)
	return used, err
}

func (m *muxer) sendReset() (int, error) {
	key := m.resets.pop()
	h := packet.Header{SrcPort: key.hostPort, DstPort: key.guestPort, Op: packet.OpReset}
	return m.sendHeader(&h)
}

func (m *muxer) sendControl(c *conn, op packet.Op) (int, error) {
	h := m.header(c, op)
	switch op {
	case packet.OpRequest:
		c.known = true
	case packet.OpShutdown:
		h.Flags = uint32(c.shutOut)
		if c.shutOut == packet.ShutdownBoth && c.state == stateOpen {
			c.state = stateClosing
			m.arm(c, shutdownTimeout)
		}
	}
	return m.sendHeader(&h)
}

// header is the header of a packet of c. It tells the credit as of now.
func (m *muxer) header(c *conn, op packet.Op) packet.Header {
	c.told = c.forwarded
	c.pending &^= pendCredit
	return packet.Header{
		SrcPort: c.key.hostPort, DstPort: c.key.guestPort, Op: op,
		BufAlloc: bufAlloc, FwdCnt: c.forwarded,
	}
}

// sendHeader sends a packet without payload in one receive buffer.
func (m *muxer) sendHeader(h *packet.Header) (int, error) {
	if err := m.peekBuffer(0, &m.chains[0]); err != nil {
		return 0, err
	}
	m.complete(&m.chains[0], h)
	return 1, nil
}

// peekBuffer gets the receive buffer that is i after the next one.
func (m *muxer) peekBuffer(i int, c *ring.Chain) error {
	if err := m.rx.queue.Peek(i, c); err != nil {
		return err
	}
	if c.WriteLen < packet.HeaderSize || len(c.Readable) > 0 {
		return fmt.Errorf("%w: receive buffer of %d writable and %d readable bytes", ring.ErrBroken, c.WriteLen, c.ReadLen)
	}
	return nil
}

// complete writes h to the buffer, which must be the next one, and hands both
// it and the h.Len bytes after the header to the guest.
func (m *muxer) complete(c *ring.Chain, h *packet.Header) {
	h.SrcCID, h.DstCID, h.Type = packet.HostCID, m.cid, packet.TypeStream
	var buf [packet.HeaderSize]byte
	h.Encode(buf[:])
	scatter(c.Writable, buf[:])
	m.rx.queue.Complete(c, packet.HeaderSize+h.Len)
}

// sendData reads from the host socket straight into up to n receive buffers,
// as far as the guest has credit.
func (m *muxer) sendData(c *conn, n int) (used int, err error) {
	sizes, err := m.collect(min(n, int(c.burst)), c.credit())
	if err != nil {
		return 0, err
	}
	got, want, err := m.vec.readv(c.fd, m.segs)
	switch {
	case isAgain(err):
		c.readable = false
		return 0, nil
	case errors.Is(err, unix.EFAULT):
		return 0, fmt.Errorf("guest memory cannot be written: %w", err)
	case err != nil:
		m.abort(c)
		return 0, nil
	case got == 0:
		m.hostEnded(c)
		return 0, nil
	}
	// A short read has emptied the socket; the next byte is a new event. An
	// end that came before it is not.
	if got < want && !c.hup {
		c.readable = false
	}
	c.adapt(got, want, sizes[0])
	for used = 0; got > 0; used++ {
		h := m.header(c, packet.OpData)
		h.Len = uint32(min(got, sizes[used]))
		c.sent += h.Len
		got -= int(h.Len)
		m.complete(&m.chains[used], &h)
	}
	return used, nil
}

// collect peeks up to n receive buffers and puts the places for payload into
// m.segs, limit bytes at most. It returns the bytes of each.
func (m *muxer) collect(n int, limit uint32) (sizes [maxBurst]int, err error) {
	m.segs = m.segs[:0]
	for i := 0; i < n && limit > 0 && len(m.segs) < maxIovecs; i++ {
		ch := &m.chains[i]
		if err := m.peekBuffer(i, ch); err != nil {
			return sizes, err
		}
		size := min(ch.WriteLen-packet.HeaderSize, packet.MaxPayload, uint64(limit))
		if size == 0 {
			return sizes, fmt.Errorf("%w: receive buffer without room for data", ring.ErrBroken)
		}
		m.segs = appendRange(m.segs, ch.Writable, packet.HeaderSize, size)
		sizes[i] = int(size)
		limit -= uint32(size)
	}
	return sizes, nil
}

// adapt sizes the next burst to what the host sends.
func (c *conn) adapt(got, want, first int) {
	switch {
	case got == want:
		c.burst = min(c.burst*2, maxBurst)
	case got <= first:
		c.burst = 1
	}
}

// hostEnded passes the end of the host's bytes on.
func (m *muxer) hostEnded(c *conn) {
	c.hostEOF, c.readable = true, false
	if c.closed {
		c.shutdown(packet.ShutdownBoth)
	} else {
		c.shutdown(packet.ShutdownSend)
	}
}
