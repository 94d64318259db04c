package usernet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/duplex"
)

// guestTimeout bounds how long a guest may take to accept a connection.
const guestTimeout = 30 * time.Second

// Forward is a port of the card's machine that leads to a guest.
type Forward struct {
	UDP bool
	// At is where it listens, the unspecified address for all of the machine's
	// of that family, and port 0 for one that is free.
	At netip.AddrPort
	To netip.AddrPort
}

// Published is a Forward that listens.
type Published struct {
	// Port is the card's.
	Port  int
	close func()
}

// Close ends it. Connections that were made go on.
func (p *Published) Close() { p.close() }

// Publish begins to listen. Errors: port_taken, port_denied,
// host_address_unavailable.
func (n *Network) Publish(f Forward) (*Published, error) {
	if f.UDP {
		return n.publishUDP(f)
	}
	return n.publishTCP(f)
}

func (n *Network) publishTCP(f Forward) (*Published, error) {
	l, err := net.Listen(family("tcp", f.At), f.At.String())
	if err != nil {
		return nil, describe(f, err)
	}
	stop := context.AfterFunc(n.ctx, func() { _ = l.Close() })
	done := make(chan struct{})
	if !n.start(func() { defer close(done); n.accept(l, f.To) }) {
		close(done)
	}
	return &Published{Port: l.Addr().(*net.TCPAddr).Port, close: func() { stop(); _ = l.Close(); <-done }}, nil
}

// family is the network of a listener, so that it takes no other family's.
func family(protocol string, at netip.AddrPort) string {
	if at.Addr().Is4() {
		return protocol + "4"
	}
	return protocol + "6"
}

// describe makes err, of listening, one that users may see.
func describe(f Forward, err error) error {
	protocol := "tcp"
	if f.UDP {
		protocol = "udp"
	}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return apierr.New(apierr.FailedPrecondition, "port_taken",
			"%s port %d of the card's machine is taken; choose another, or 0", protocol, f.At.Port()).At("/hostPort")
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return apierr.New(apierr.FailedPrecondition, "host_address_unavailable",
			"the card's machine has no address %s; give one that it has, or none for all", f.At.Addr()).At("/hostAddress")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return apierr.New(apierr.FailedPrecondition, "port_denied",
			"cardplaned may not listen at %s port %d; choose one from 1024, or run cardplaned as root", protocol, f.At.Port()).At("/hostPort")
	}
	return err
}

// acceptPause is how long a listener rests that has failed for lack of
// something, such as file descriptors.
const acceptPause = 50 * time.Millisecond

// accept leads connections to a guest until l is closed.
func (n *Network) accept(l net.Listener, to netip.AddrPort) {
	for {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			time.Sleep(acceptPause)
			continue
		}
		in := duplex.OverTCP(conn.(*net.TCPConn))
		relay := n.enter(connectionsOf(to.Addr()))
		if relay == nil {
			_ = in.Close()
			continue
		}
		if !n.start(func() {
			defer relay.leave()
			n.admit(relay, in, to)
		}) {
			_ = in.Close()
			relay.leave()
		}
	}
}

// admit leads one connection to a guest.
func (n *Network) admit(relay *relay, in *duplex.TCP, to netip.AddrPort) {
	ctx, cancel := context.WithTimeout(relay.ctx, guestTimeout)
	defer cancel()
	guest, err := n.gate.dial(ctx, to)
	if err != nil {
		n.log.WithError(err).WithField("address", to).Debug("a guest takes no connection to a published port")
		_ = in.Close()
		return
	}
	relay.join(guest, in)
}

// dial connects to a guest.
func (g *gateway) dial(ctx context.Context, to netip.AddrPort) (*guestConn, error) {
	var events waiter.Queue
	end, failure := g.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(to.Addr()), &events)
	if failure != nil {
		return nil, failed(failure)
	}
	entry, connected := waiter.NewChannelEntry(waiter.WritableEvents)
	events.EventRegister(&entry)
	defer events.EventUnregister(&entry)
	failure = end.Connect(fullAddress(to))
	if _, started := failure.(*tcpip.ErrConnectStarted); started {
		select {
		case <-connected:
			failure = end.LastError()
		case <-ctx.Done():
			end.Abort()
			return nil, ctx.Err()
		}
	}
	if failure != nil {
		end.Abort()
		return nil, failed(failure)
	}
	return newGuestConn(&events, end), nil
}

func (n *Network) publishUDP(f Forward) (*Published, error) {
	conn, err := net.ListenUDP(family("udp", f.At), net.UDPAddrFromAddrPort(f.At))
	if err != nil {
		return nil, describe(f, err)
	}
	stop := context.AfterFunc(n.ctx, func() { _ = conn.Close() })
	done := make(chan struct{})
	if !n.start(func() { defer close(done); (&sharedPort{net: n, conn: conn, to: f.To}).serve() }) {
		close(done)
	}
	return &Published{Port: conn.LocalAddr().(*net.UDPAddr).Port, close: func() { stop(); _ = conn.Close(); <-done }}, nil
}

// sharedPort leads datagrams to a guest. Each who sends some has a port of the
// gateway, so that answers find back.
type sharedPort struct {
	net  *Network
	conn *net.UDPConn
	to   netip.AddrPort

	mu       sync.Mutex
	sessions map[netip.AddrPort]net.Conn
}

// serve takes datagrams until the port is closed, and ends all sessions then.
func (p *sharedPort) serve() {
	p.sessions = make(map[netip.AddrPort]net.Conn)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			p.end()
			return
		}
		if err != nil {
			continue // one of an earlier datagram
		}
		if guest := p.session(from, &sessions); guest != nil {
			_, _ = guest.Write(buf[:n]) // lost as on the way
		}
	}
}

func (p *sharedPort) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, guest := range p.sessions {
		_ = guest.Close()
	}
}

// session returns what carries the datagrams of one who sends, nil where there
// are too many.
func (p *sharedPort) session(from netip.AddrPort, all *sync.WaitGroup) net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if guest := p.sessions[from]; guest != nil {
		return guest
	}
	relay := p.net.enter(sessionsOf(p.to.Addr()))
	if relay == nil {
		return nil
	}
	to := fullAddress(p.to)
	guest, err := gonet.DialUDP(p.net.gate.stack, nil, &to, protocolOf(p.to.Addr()))
	if err != nil {
		relay.leave()
		return nil
	}
	p.sessions[from] = guest
	all.Go(func() {
		defer relay.leave()
		defer context.AfterFunc(relay.ctx, func() { _ = guest.Close() })()
		p.answer(from, guest)
	})
	return guest
}

// answer brings a guest's datagrams back, until it sends none for a while.
func (p *sharedPort) answer(from netip.AddrPort, guest net.Conn) {
	buf := make([]byte, maxDatagram)
	for {
		_ = guest.SetReadDeadline(time.Now().Add(idleTimeout))
		n, err := guest.Read(buf)
		if err != nil {
			break
		}
		_, _ = p.conn.WriteToUDPAddrPort(buf[:n], from)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sessions, from)
	_ = guest.Close()
}
