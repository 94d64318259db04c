// Package usernettest has guests for tests of networks in user mode: TCP/IP
// stacks in the test's own process.
package usernettest

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	nicID     = 1
	queue     = 512
	etherSize = 14
)

// Guest is a guest's TCP/IP with one interface.
type Guest struct {
	stack *stack.Stack
	link  *channel.Endpoint
}

// New returns a guest whose interface has an address, with the length of its
// network's prefix, and a way out where gateway is valid. It ends with the test.
func New(tb testing.TB, mac net.HardwareAddr, address netip.Prefix, gateway netip.Addr, mtu int) *Guest {
	tb.Helper()
	g := &Guest{
		link: channel.New(queue, uint32(mtu+etherSize), tcpip.LinkAddress(mac)),
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		}),
	}
	own := tcpip.AddressWithPrefix{Address: tcpip.AddrFromSlice(address.Addr().AsSlice()), PrefixLen: address.Bits()}
	routes := []tcpip.Route{{Destination: own.Subnet(), NIC: nicID}}
	if gateway.IsValid() {
		all := header.IPv4EmptySubnet
		if gateway.Is6() {
			all = header.IPv6EmptySubnet
		}
		routes = append(routes, tcpip.Route{Destination: all, Gateway: tcpip.AddrFromSlice(gateway.AsSlice()), NIC: nicID})
	}
	if err := g.stack.CreateNIC(nicID, ethernet.New(g.link)); err != nil {
		tb.Fatal(err)
	}
	if err := g.stack.AddProtocolAddress(nicID, tcpip.ProtocolAddress{Protocol: protocolOf(address.Addr()), AddressWithPrefix: own}, stack.AddressProperties{}); err != nil {
		tb.Fatal(err)
	}
	g.stack.SetRouteTable(routes)
	tb.Cleanup(func() {
		g.stack.Close()
		_ = g.stack.RemoveNIC(nicID)
		g.link.Close()
		g.stack.Wait()
	})
	return g
}

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// Receive takes a frame for the guest.
func (g *Guest) Receive(frame []byte) {
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
	defer pkt.DecRef()
	g.link.InjectInbound(0, pkt)
}

// Send waits for a frame of the guest. It returns nil once ctx has ended.
func (g *Guest) Send(ctx context.Context) []byte {
	pkt := g.link.ReadContext(ctx)
	if pkt == nil {
		return nil
	}
	defer pkt.DecRef()
	view := pkt.ToView()
	defer view.Release()
	return append([]byte(nil), view.AsSlice()...)
}

func full(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nicID, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}

// Dial connects to a TCP port.
func (g *Guest) Dial(ctx context.Context, to netip.AddrPort) (*gonet.TCPConn, error) {
	return gonet.DialContextTCP(ctx, g.stack, full(to), protocolOf(to.Addr()))
}

// Listen takes connections at a TCP port.
func (g *Guest) Listen(at netip.AddrPort) (net.Listener, error) {
	return gonet.ListenTCP(g.stack, full(at), protocolOf(at.Addr()))
}

// DialUDP sends datagrams to a port, and ListenUDP takes them.
func (g *Guest) DialUDP(to netip.AddrPort) (net.Conn, error) {
	there := full(to)
	return gonet.DialUDP(g.stack, nil, &there, protocolOf(to.Addr()))
}

// ListenUDP takes datagrams at a port.
func (g *Guest) ListenUDP(at netip.AddrPort) (net.PacketConn, error) {
	here := full(at)
	return gonet.DialUDP(g.stack, &here, nil, protocolOf(at.Addr()))
}
