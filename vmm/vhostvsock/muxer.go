package vhostvsock

import (
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
	"github.com/cardplane/cardplane/vmm/vhostvsock/ring"
)

const (
	// maxConns is the most connections of a device, as in Cloud Hypervisor.
	maxConns = 1023
	// maxResets is how many resets may wait for receive buffers before the
	// device takes no more packets, so that a guest that gives none cannot make
	// the list grow.
	maxResets = 256
	// budget is how many packets each way one pump handles before it looks at
	// other events.
	budget = 64
	// signalBatch and signalDelay bound how many taken packets, and how long,
	// the driver is not told about.
	signalBatch = 32
	signalDelay = time.Millisecond
	// firstLocalPort and localPortMask make the host ports of connections from
	// the host: 2^30 to 2^31-1, as in Cloud Hypervisor.
	firstLocalPort = 1 << 30
	localPortMask  = firstLocalPort - 1
)

// muxer carries all connections over the two packet virtqueues. It belongs to
// the loop's goroutine, like the guest memory that it reads and writes.
type muxer struct {
	log    logrus.FieldLogger
	cid    uint64
	socket string // path of the hybrid socket
	poll   *poller

	rx *vring // nil while the rings do not run
	tx *vring

	byKey     map[connKey]*conn // those that packets of the guest can mean
	byToken   map[token]*conn   // all
	ready     connList          // those with output
	resets    fifo[connKey]     // go before anything else
	armed     map[*conn]struct{}
	nextTimer time.Time // earliest deadline of armed, zero for none
	lastToken token
	lastPort  uint32

	txWork   bool      // the transmit ring may hold packets
	txOwed   int       // taken packets that the driver has not been told of
	txDue    time.Time // when it has to be; valid while txOwed > 0
	now      time.Time // of this turn of the loop
	rxParked bool      // no receive buffer; the driver kicks when it adds one

	// Scratch, so that no packet allocates.
	vec    vectorIO
	chain  ring.Chain
	chains [maxBurst]ring.Chain
	segs   [][]byte
	spare  spares
	junk   [4096]byte
}

func newMuxer(cid uint64, socket string, poll *poller, log logrus.FieldLogger) *muxer {
	return &muxer{
		log: log, cid: cid, socket: socket, poll: poll,
		byKey:     map[connKey]*conn{},
		byToken:   map[token]*conn{},
		armed:     map[*conn]struct{}{},
		lastToken: tokenFirstConn,
	}
}

func (m *muxer) attached() bool { return m.rx != nil }

// attach gives the muxer two running rings.
func (m *muxer) attach(rx, tx *vring) {
	m.rx, m.tx = rx, tx
	m.txWork, m.rxParked, m.txOwed = true, false, 0
}

// detach takes the rings away. Connections stay as they are.
func (m *muxer) detach() { m.rx, m.tx = nil, nil }

// nextDue returns when pump or expire have to run next, or zero.
func (m *muxer) nextDue() time.Time {
	if m.attached() && m.txOwed > 0 && (m.nextTimer.IsZero() || m.txDue.Before(m.nextTimer)) {
		return m.txDue
	}
	return m.nextTimer
}

// forgetMemory drops every slice of guest memory before it is unmapped.
func (m *muxer) forgetMemory() {
	m.chain.Clear()
	for i := range m.chains {
		m.chains[i].Clear()
	}
	clear(m.segs[:cap(m.segs)])
}

// kicked is told that the driver kicked the vring of the given index.
func (m *muxer) kicked(index int) {
	switch index {
	case vringTX:
		m.txWork = true
	case vringRX:
		m.rxParked = false
	}
}

// pump moves packets both ways. more says that there is work left which no
// event will announce. An error says how the guest broke a ring.
func (m *muxer) pump(now time.Time) (more bool, err error) {
	if !m.attached() {
		return false, nil
	}
	m.now = now
	m.payTX()
	if err := m.drainTX(); err != nil {
		return false, err
	}
	if err := m.fillRX(); err != nil {
		return false, err
	}
	txMore := m.txWork && m.resets.len() < maxResets
	rxMore := m.hasOutput() && !m.rxParked
	return txMore || rxMore, nil
}

func (m *muxer) hasOutput() bool { return m.resets.len() > 0 || !m.ready.empty() }

// enqueue puts c on the ready list if it has something for the guest.
func (m *muxer) enqueue(c *conn) {
	if c.hasOutput() {
		m.ready.push(c)
	}
}

// add makes a connection with the host socket fd.
func (m *muxer) add(fd int, state connState) *conn {
	m.lastToken++
	c := &conn{fd: fd, token: m.lastToken, state: state, burst: 1}
	m.byToken[c.token] = c
	return c
}

// bind makes c the connection that packets of key mean.
func (m *muxer) bind(c *conn, key connKey) {
	c.key = key
	m.byKey[key] = c
}

// forget makes packets of c's ports mean no connection.
func (m *muxer) forget(c *conn) {
	if m.byKey[c.key] == c {
		delete(m.byKey, c.key)
	}
	c.known = false
}

// remove ends c at once, without a word to the guest. The host sees an end of
// file.
func (m *muxer) remove(c *conn) {
	if c.state == stateGone {
		return
	}
	m.forget(c)
	delete(m.byToken, c.token)
	m.disarm(c)
	m.ready.remove(c)
	c.state = stateGone
	m.spare.drop(&c.backlog)
	m.hangUp(c.fd)
	c.fd = -1
}

// abort ends c at once and tells the guest, if it knows c.
func (m *muxer) abort(c *conn) {
	if c.known {
		m.reset(c.key)
	}
	m.remove(c)
}

// maxOwed bounds the resets that front-ends which come and go can leave.
const maxOwed = 2 * (maxConns + maxResets)

func (m *muxer) reset(key connKey) {
	if m.resets.len() < maxOwed {
		m.resets.push(key)
	}
}

// dropAll ends all connections. With tell, resets are queued for those that
// the guest knows; without, the guest is taken to know none.
func (m *muxer) dropAll(tell bool) {
	for _, c := range m.byToken {
		if tell {
			m.abort(c)
		} else {
			m.remove(c)
		}
	}
	if !tell {
		m.resets.clear()
	}
}

// arm sets c's deadline.
func (m *muxer) arm(c *conn, d time.Duration) {
	c.deadline = time.Now().Add(d)
	m.armed[c] = struct{}{}
	if m.nextTimer.IsZero() || c.deadline.Before(m.nextTimer) {
		m.nextTimer = c.deadline
	}
}

func (m *muxer) disarm(c *conn) {
	delete(m.armed, c)
	if len(m.armed) == 0 {
		m.nextTimer = time.Time{}
	}
}

// expire handles the deadlines that have passed.
func (m *muxer) expire(now time.Time) {
	if m.nextTimer.IsZero() || now.Before(m.nextTimer) {
		return
	}
	m.nextTimer = time.Time{}
	for c := range m.armed {
		if now.Before(c.deadline) {
			if m.nextTimer.IsZero() || c.deadline.Before(m.nextTimer) {
				m.nextTimer = c.deadline
			}
			continue
		}
		m.disarm(c)
		if c.state == stateDialing {
			m.dial(c)
		} else {
			m.abort(c)
		}
	}
}

// onEvent handles an epoll event of a connection's host socket.
func (m *muxer) onEvent(t token, events uint32) {
	c := m.byToken[t]
	if c == nil {
		return
	}
	const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	c.readable = c.readable || events&(unix.EPOLLIN|ended) != 0
	c.hup = c.hup || events&ended != 0
	c.closed = c.closed || events&unix.EPOLLHUP != 0
	if c.state == stateLine {
		m.readLine(c)
		return
	}
	if c.closed && (c.hostEOF || c.shutIn&packet.ShutdownReceive != 0) {
		c.shutdown(packet.ShutdownBoth)
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 && !c.backlog.empty() {
		m.flush(c)
	}
	m.enqueue(c)
}
