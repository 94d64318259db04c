package vhostvsock

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
)

// connEvents is what epoll reports of every host socket.
const connEvents = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

// welcome takes fd, a new connection of the hybrid socket. At the limit the
// client sees its connection close.
func (m *muxer) welcome(fd int) {
	if len(m.byToken) >= maxConns {
		m.hangUp(fd)
		m.log.WithField("limit", maxConns).Debug("refused a vsock connection at the limit")
		return
	}
	c := m.add(fd, stateLine)
	if err := m.poll.add(fd, connEvents, c.token); err != nil {
		m.log.WithError(err).Error("cannot watch a new vsock connection")
		m.remove(c)
		return
	}
	m.arm(c, lineTimeout)
	m.readLine(c)
}

// readLine takes the CONNECT line, and not a byte after it, off the socket.
func (m *muxer) readLine(c *conn) {
	var line [maxConnectLine]byte
	n, err := retry(func() (int, error) {
		n, _, err := unix.Recvfrom(c.fd, line[:], unix.MSG_PEEK)
		return n, err
	})
	if isAgain(err) {
		return
	}
	if err != nil || n == 0 {
		m.remove(c)
		return
	}
	port, length, err := parseConnect(line[:n])
	if err == nil && length == 0 && !c.hup {
		return
	}
	if err != nil || length == 0 {
		m.remove(c)
		return
	}
	if got, err := readFD(c.fd, line[:length]); err != nil || got != length {
		m.remove(c)
		return
	}
	m.request(c, port)
}

// request asks the guest to accept c on its port.
func (m *muxer) request(c *conn, guestPort uint32) {
	key := connKey{guestPort: guestPort}
	for {
		m.lastPort = (m.lastPort + 1) & localPortMask
		key.hostPort = firstLocalPort | m.lastPort
		if m.byKey[key] == nil {
			break
		}
	}
	m.bind(c, key)
	c.state, c.readable = stateRequested, true
	c.pending |= pendRequest
	m.arm(c, requestTimeout)
	m.enqueue(c)
}

// accepted tells the host client that the guest has accepted.
func (m *muxer) accepted(c *conn) {
	m.disarm(c)
	c.state = stateOpen
	var buf [16]byte
	line := strconv.AppendUint(append(buf[:0], "OK "...), uint64(c.key.hostPort), 10)
	line = append(line, '\n')
	if n, err := writeFD(c.fd, line); err != nil || n != len(line) {
		m.abort(c) // an empty socket buffer that takes no line has lost its reader
		return
	}
	m.enqueue(c)
}

// open makes the connection that the guest asks for with h.
func (m *muxer) open(h *packet.Header) {
	key := connKey{hostPort: h.DstPort, guestPort: h.SrcPort}
	if len(m.byToken) >= maxConns {
		m.log.WithField("limit", maxConns).Debug("refused a vsock connection at the limit")
		m.reset(key)
		return
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.log.WithError(err).Error("no socket for a vsock connection of the guest")
		m.reset(key)
		return
	}
	c := m.add(fd, stateDialing)
	m.bind(c, key)
	c.known, c.giveUp = true, time.Now().Add(dialTimeout)
	c.learn(h)
	m.dial(c)
}

// dial connects c to the host listener of its port. A full backlog is tried
// again; a missing listener is a reset.
func (m *muxer) dial(c *conn) {
	path := m.socket + "_" + strconv.FormatUint(uint64(c.key.hostPort), 10)
	err := unix.Connect(c.fd, &unix.SockaddrUnix{Name: path})
	if isAgain(err) && time.Now().Before(c.giveUp) {
		m.arm(c, dialRetry)
		return
	}
	if err == nil {
		err = m.poll.add(c.fd, connEvents, c.token)
	}
	if err != nil {
		m.log.WithError(err).WithField("port", c.key.hostPort).Debug("no host listener for a vsock connection of the guest")
		m.abort(c)
		return
	}
	c.state = stateOpen
	c.pending |= pendResponse
	m.enqueue(c)
}

// deliver gives the payload of a packet to the host: as much as the socket
// takes now, the rest from the connection's backlog.
func (m *muxer) deliver(c *conn, payload [][]byte, size uint32) error {
	c.received += size
	if c.deaf {
		c.forward(int(size))
		return nil
	}
	n := 0
	if c.backlog.empty() {
		var err error
		if n, err = m.vec.writev(c.fd, payload); err != nil && !isAgain(err) {
			return m.writeFailed(c, err)
		}
		c.forward(n)
	}
	if uint32(n) == size {
		return nil
	}
	m.spare.add(&c.backlog, payload, n)
	m.watch(c, true)
	return nil
}

// writeFailed handles an error of a write to the host socket. EFAULT is the
// guest's memory and is returned; anything else means that the host does not
// read any more, though it may still have something to say.
func (m *muxer) writeFailed(c *conn, err error) error {
	if errors.Is(err, unix.EFAULT) {
		return fmt.Errorf("guest memory cannot be read: %w", err)
	}
	c.deaf = true
	m.spare.drop(&c.backlog)
	c.forward(int(c.received - c.forwarded))
	c.shutdown(packet.ShutdownReceive)
	return nil
}

// flush writes the backlog to the host.
func (m *muxer) flush(c *conn) {
	n, err := writeFD(c.fd, c.backlog.bytes())
	if isAgain(err) {
		return
	}
	if err != nil {
		if c.state == stateDraining {
			m.remove(c)
			return
		}
		_ = m.writeFailed(c, err) // never EFAULT: the backlog is ours
		m.watch(c, false)
		return
	}
	c.forward(n)
	m.spare.consume(&c.backlog, n)
	if !c.backlog.empty() {
		return
	}
	switch {
	case c.state == stateDraining:
		m.remove(c)
		return
	case c.shutIn&packet.ShutdownSend != 0:
		_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	}
	m.watch(c, false)
}

// watch has epoll report, or no longer report, that the host socket takes
// bytes. A connection that cannot be watched is lost.
func (m *muxer) watch(c *conn, out bool) {
	if c.watchOut == out {
		return
	}
	events := uint32(connEvents)
	if out {
		events |= unix.EPOLLOUT
	}
	if err := m.poll.modify(c.fd, events, c.token); err != nil {
		m.log.WithError(err).Error("vsock connection lost")
		m.abort(c)
		return
	}
	c.watchOut = out
}

// drain is for a connection that the guest has ended: the host gets what is
// left, then the end.
func (m *muxer) drain(c *conn) {
	m.forget(c)
	m.disarm(c)
	if !c.backlog.empty() {
		c.state = stateDraining
		return
	}
	m.remove(c)
}

// stopReading makes writes of the host fail. What it has written is thrown
// away: a writer that waits for room would not be woken otherwise.
func (m *muxer) stopReading(c *conn) {
	_ = unix.Shutdown(c.fd, unix.SHUT_RD)
	m.discard(c.fd)
}

// hangUp closes a host socket so that its peer sees an end of file. Closing
// with unread bytes would show it ECONNRESET instead, so these are read first.
func (m *muxer) hangUp(fd int) {
	_ = unix.Shutdown(fd, unix.SHUT_RDWR)
	m.discard(fd)
	_ = unix.Close(fd)
}

// discard reads what is left in a socket to which nothing can be added.
func (m *muxer) discard(fd int) {
	for {
		if n, err := readFD(fd, m.junk[:]); n <= 0 || err != nil {
			return
		}
	}
}
