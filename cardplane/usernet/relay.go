package usernet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cardplane/cardplane/openapi/duplex"
)

const (
	// maxConnections and maxSessions bound the TCP connections and the exchanges
	// of datagrams of a guest through its gateway.
	maxConnections = 1024
	maxSessions    = 256
	// idleTimeout ends an exchange of datagrams that neither side goes on with.
	idleTimeout = 2 * time.Minute
	// maxDatagram is the longest datagram of UDP, in bytes.
	maxDatagram = 64 << 10
)

// errNoWay is why a guest does not reach an address.
var errNoWay = errors.New("the network does not lead there")

// kind is what a guest has relays of: TCP connections, or exchanges of datagrams.
type kind struct {
	guest netip.Addr
	most  int
}

func connectionsOf(guest netip.Addr) kind { return kind{guest, maxConnections} }
func sessionsOf(guest netip.Addr) kind    { return kind{guest, maxSessions} }

// relay is a connection between a guest and the outside, or what will be one.
type relay struct {
	net    *Network
	kind   kind
	ctx    context.Context // of its life
	cancel context.CancelFunc
}

// enter begins a relay, unless the guest has too many. It is to be left.
func (n *Network) enter(k kind) *relay {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.used[k] >= k.most {
		return nil
	}
	r := &relay{net: n, kind: k}
	r.ctx, r.cancel = context.WithCancel(n.ctx)
	n.relays[r] = struct{}{}
	n.used[k]++
	n.work.Add(1)
	return r
}

func (r *relay) leave() {
	r.cancel()
	n := r.net
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.relays, r)
	if n.used[r.kind]--; n.used[r.kind] == 0 {
		delete(n.used, r.kind)
	}
	n.work.Done()
}

// join carries bytes between a guest and the outside, until both have ended or
// the relay has. It closes both.
func (r *relay) join(guest *guestConn, out duplex.Conn) {
	defer context.AfterFunc(r.ctx, func() { _, _ = guest.Close(), out.Close() })()
	// Who has broken off shows on the other side.
	_ = duplex.Join(guest, out)
}

// exchange carries datagrams between a guest and the outside, until neither
// sends any. It closes both.
func (r *relay) exchange(guest, out net.Conn) {
	stop := context.AfterFunc(r.ctx, func() { _, _ = guest.Close(), out.Close() })
	defer stop()
	var both sync.WaitGroup
	alive := func() {
		deadline := time.Now().Add(idleTimeout)
		_, _ = guest.SetReadDeadline(deadline), out.SetReadDeadline(deadline)
	}
	alive()
	both.Go(func() { datagrams(guest, out, alive); _ = out.Close() })
	datagrams(out, guest, alive)
	_ = guest.Close()
	both.Wait()
}

// datagrams copies datagrams until src has ended. Such that cannot be sent are
// lost, as on the way.
func datagrams(src, dst net.Conn, alive func()) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		alive()
		_, _ = dst.Write(buf[:n])
	}
}

// guestConn is a TCP connection with a guest as a duplex.Conn: one that is
// broken off is reset.
type guestConn struct {
	*gonet.TCPConn
	end              tcpip.Endpoint
	inEnded, outEnds atomic.Bool
}

var _ duplex.Conn = (*guestConn)(nil)

func newGuestConn(events *waiter.Queue, end tcpip.Endpoint) *guestConn {
	end.SocketOptions().SetKeepAlive(true) // one whose guest is gone ends
	return &guestConn{TCPConn: gonet.NewTCPConn(events, end), end: end}
}

// Read implements duplex.Conn.
func (c *guestConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if errors.Is(err, io.EOF) {
		c.inEnded.Store(true)
	}
	return n, err
}

// CloseWrite implements duplex.Conn.
func (c *guestConn) CloseWrite() error {
	c.outEnds.Store(true)
	return c.TCPConn.CloseWrite()
}

// Close implements duplex.Conn.
func (c *guestConn) Close() error {
	if !c.inEnded.Load() || !c.outEnds.Load() {
		c.end.Abort()
	}
	return c.TCPConn.Close()
}

// Broken implements duplex.Conn: a reset shows in Read and Write alone.
func (c *guestConn) Broken() <-chan struct{} { return nil }
