package vhostvsock

import (
	"time"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
)

const (
	// bufAlloc is the credit that the guest has per connection (bytes): what
	// the device promises to keep when the host does not read. It is Linux's
	// own default. Nothing is allocated before the socket's buffer is full.
	bufAlloc = 256 << 10
	// creditStep is how much is taken out of the buffer before the guest is
	// told (bytes), if no other packet tells it earlier.
	creditStep = bufAlloc / 4
	// maxBurst is the most receive buffers that one read from a host socket
	// fills. A connection starts with one and doubles while reads fill all.
	maxBurst = 32
)

// Time limits, as in Cloud Hypervisor where it has them.
const (
	lineTimeout     = 10 * time.Second // for the CONNECT line to arrive
	requestTimeout  = 2 * time.Second  // for the guest to accept
	shutdownTimeout = 2 * time.Second  // for the guest to reset what both have shut down
	dialTimeout     = 2 * time.Second  // for a host listener whose backlog is full
	dialRetry       = 20 * time.Millisecond
)

// connKey names a connection: there is one CID on each side.
type connKey struct {
	hostPort  uint32
	guestPort uint32
}

// connState is where a connection stands.
//
//	host:   line ──CONNECT──► requested ──RESPONSE──► open
//	guest:  REQUEST ─► dialing ──connected──► open
//	open ──both directions shut by the host──► closing ──RST or 2 s──► gone
//	open, closing ──guest shut both or RST──► draining ──all written──► gone
//	any ──error, guest or host breaks the rules──► gone, RST to the guest
type connState uint8

const (
	stateLine      connState = iota // waiting for CONNECT <port>
	stateRequested                  // waiting for the guest to accept
	stateDialing                    // waiting for room in a host backlog
	stateOpen
	stateClosing  // host is done with both directions; the guest has to agree
	stateDraining // the guest has forgotten it; the host still has bytes to get
	stateGone
)

// Control packets that a connection has to send.
const (
	pendRequest = 1 << iota
	pendResponse
	pendCredit
	pendShutdown
)

// conn is one connection between a host socket and a guest port. It takes
// some hundred bytes, and up to bufAlloc more while the host does not read.
type conn struct {
	key       connKey
	token     token
	fd        int
	state     connState
	known     bool // the guest has seen it
	queued    bool // it is in the muxer's ready list, whose links follow
	prev      *conn
	next      *conn
	pending   uint8 // pend bits
	shutOut   uint8 // packet.Shutdown flags sent or pending
	shutIn    uint8 // packet.Shutdown flags received
	readable  bool  // the host socket may have bytes or an end
	hup       bool  // the host has shut a direction: the end comes without another event
	closed    bool  // the host has shut both directions
	hostEOF   bool  // all of the host's bytes are read
	deaf      bool  // the host does not read any more; what the guest sends is lost
	watchOut  bool  // epoll reports when the host socket takes bytes again
	burst     uint8 // receive buffers that the next read may fill
	asked     bool  // a CREDIT_REQUEST went out since the credit ran out
	deadline  time.Time
	giveUp    time.Time // end of stateDialing
	backlog   backlog   // from the guest, not yet taken by the host socket
	received  uint32    // bytes from the guest, modulo 2^32
	forwarded uint32    // of them taken by the host socket, modulo 2^32
	told      uint32    // value of forwarded that the guest knows
	sent      uint32    // bytes to the guest, modulo 2^32
	peerAlloc uint32    // the guest's last BufAlloc
	peerFwd   uint32    // the guest's last FwdCnt
}

// credit is how many bytes the guest has room for. A guest that lies about
// what it took gets none.
func (c *conn) credit() uint32 {
	inFlight := c.sent - c.peerFwd
	if inFlight >= c.peerAlloc {
		return 0
	}
	return c.peerAlloc - inFlight
}

// room is how many bytes the guest may still send.
func (c *conn) room() uint32 { return bufAlloc - (c.received - c.forwarded) }

// learn takes the credit that every packet of the guest carries.
func (c *conn) learn(h *packet.Header) {
	c.peerAlloc, c.peerFwd = h.BufAlloc, h.FwdCnt
	if c.credit() > 0 {
		c.asked = false
	}
}

// forward counts n bytes as taken by the host and has the guest told when it
// is time.
func (c *conn) forward(n int) {
	c.forwarded += uint32(n)
	if c.forwarded-c.told >= creditStep {
		c.pending |= pendCredit
	}
}

// shutdown has flags told to the guest, unless it knows them.
func (c *conn) shutdown(flags uint8) {
	if flags&^c.shutOut != 0 {
		c.shutOut |= flags
		c.pending |= pendShutdown
	}
}

// canRead reports whether the host socket is to be read for the guest.
func (c *conn) canRead() bool {
	return c.readable && !c.hostEOF && c.state == stateOpen && c.shutIn&packet.ShutdownReceive == 0
}

// hasOutput reports whether there is anything to do with a receive buffer.
func (c *conn) hasOutput() bool {
	if c.state == stateGone || c.state == stateDraining {
		return false
	}
	return c.pending != 0 || c.canRead() && (c.credit() > 0 || !c.asked)
}

// nextControl takes the control packet that is to be sent first, or
// packet.OpInvalid when there is none.
func (c *conn) nextControl() packet.Op {
	for _, p := range [...]struct {
		bit uint8
		op  packet.Op
	}{
		{pendRequest, packet.OpRequest},
		{pendResponse, packet.OpResponse},
		{pendShutdown, packet.OpShutdown},
		{pendCredit, packet.OpCreditUpdate},
	} {
		if c.pending&p.bit != 0 {
			c.pending &^= p.bit
			return p.op
		}
	}
	return packet.OpInvalid
}
