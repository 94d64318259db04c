package usernet

import (
	"context"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/cardplane/cardplane/openapi/duplex"
)

const (
	// maxDialing bounds the connections of guests that are being made.
	maxDialing = 256
	// dialTimeout bounds how long the outside may take to accept one.
	dialTimeout = 30 * time.Second
)

// forwardOutbound has the gateway end what guests send to the outside.
func (n *Network) forwardOutbound() {
	connections := tcp.NewForwarder(n.gate.stack, 0, maxDialing, n.connect)
	n.gate.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, connections.HandlePacket)
	sessions := udp.NewForwarder(n.gate.stack, n.exchange)
	n.gate.stack.SetTransportProtocolHandler(udp.ProtocolNumber, sessions.HandlePacket)
}

// ends returns whom a guest speaks to, and the guest.
func ends(id stack.TransportEndpointID) (to netip.AddrPort, guest netip.Addr) {
	there, _ := netip.AddrFromSlice(id.LocalAddress.AsSlice())
	guest, _ = netip.AddrFromSlice(id.RemoteAddress.AsSlice())
	return netip.AddrPortFrom(there, id.LocalPort), guest
}

// connect makes the connection that a guest asks for. It is refused as the
// outside refuses it. It runs in a goroutine of its own.
func (n *Network) connect(r *tcp.ForwarderRequest) {
	to, guest := ends(r.ID())
	relay := n.enter(connectionsOf(guest))
	if relay == nil {
		r.Complete(true)
		return
	}
	defer relay.leave()
	out, err := n.dial(relay.ctx, "tcp", to)
	if err != nil {
		n.log.WithError(err).WithField("address", to).Debug("a connection of a guest is refused")
		r.Complete(true)
		return
	}
	var events waiter.Queue
	end, failure := r.CreateEndpoint(&events)
	r.Complete(failure != nil)
	if failure != nil {
		_ = out.Close()
		return
	}
	relay.join(newGuestConn(&events, end), duplex.OverTCP(out.(*net.TCPConn)))
}

// dial connects to the outside.
func (n *Network) dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	if !n.Leads(to.Addr()) {
		return nil, errNoWay
	}
	if n.cfg.Dial != nil {
		return n.cfg.Dial(ctx, network, to)
	}
	d := net.Dialer{Timeout: dialTimeout}
	return d.DialContext(ctx, network, to.String())
}

// exchange begins to carry datagrams between a guest and the outside. It reports
// whether the first one was taken; the guest is told of one that was not.
func (n *Network) exchange(r *udp.ForwarderRequest) bool {
	to, guest := ends(r.ID())
	if to.Addr().IsMulticast() || to.Addr() == broadcast {
		return true // nobody is told of those
	}
	if !n.Leads(to.Addr()) {
		return false
	}
	relay := n.enter(sessionsOf(guest))
	if relay == nil {
		return false
	}
	out, err := n.dial(relay.ctx, "udp", to)
	if err != nil {
		relay.leave()
		return false
	}
	var events waiter.Queue
	end, failure := r.CreateEndpoint(&events)
	if failure != nil {
		_ = out.Close()
		relay.leave()
		return false
	}
	in := gonet.NewUDPConn(&events, end)
	if !n.start(func() {
		defer relay.leave()
		relay.exchange(in, out)
	}) {
		_, _ = in.Close(), out.Close()
		relay.leave()
	}
	return true
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// fullAddress is an address of the stack.
func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}
