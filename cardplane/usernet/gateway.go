package usernet

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
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
	// nicID is the stack's only interface.
	nicID = 1
	// gateQueue bounds the frames of the gateway that wait to be switched.
	gateQueue = 1024
	// bufferMin, bufferUsual and bufferMax bound what a TCP connection holds in
	// either direction, in bytes.
	bufferMin, bufferUsual, bufferMax = 4 << 10, 64 << 10, 1 << 20
)

// gateway is the TCP/IP stack at a network's gateway addresses.
type gateway struct {
	mac       mac
	addresses map[netip.Addr]bool
	stack     *stack.Stack
	link      *channel.Endpoint
}

func openGateway(cfg Config) (*gateway, error) {
	g := &gateway{addresses: make(map[netip.Addr]bool)}
	for _, s := range cfg.Subnets {
		g.addresses[s.Gateway] = true
	}
	g.mac = gatewayMAC(cfg.Subnets)
	g.link = channel.New(gateQueue, uint32(cfg.MTU+etherSize), tcpip.LinkAddress(g.mac[:]))
	g.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
	})
	if err := g.configure(cfg); err != nil {
		g.stop()
		g.close()
		return nil, err
	}
	return g, nil
}

// gatewayMAC is made of the gateway's address, so that guests go on to know it
// after a restart of the card. It is like those of guests, whose addresses are
// others.
func gatewayMAC(list []Subnet) mac {
	for _, s := range list {
		if s.Gateway.Is4() {
			a := s.Gateway.As4()
			return mac{0x02, 0x63, a[0], a[1], a[2], a[3]}
		}
	}
	m := mac{0x02, 0x63}
	for _, s := range list {
		sum := sha256.Sum256(s.Gateway.AsSlice())
		copy(m[2:], sum[:])
	}
	return m
}

// configure gives the stack its addresses. It takes packets for any address,
// and answers in its name: what guests send out is ended here.
func (g *gateway) configure(cfg Config) error {
	if err := g.bound(); err != nil {
		return failed(err)
	}
	if err := g.stack.CreateNIC(nicID, ethernet.New(g.link)); err != nil {
		return failed(err)
	}
	var routes []tcpip.Route
	for _, s := range cfg.Subnets {
		address := tcpip.AddrFromSlice(s.Gateway.AsSlice()).WithPrefix()
		address.PrefixLen = s.Prefix.Bits()
		if err := g.stack.AddProtocolAddress(nicID, tcpip.ProtocolAddress{Protocol: protocolOf(s.Gateway), AddressWithPrefix: address}, stack.AddressProperties{}); err != nil {
			return failed(err)
		}
		routes = append(routes, tcpip.Route{Destination: address.Subnet(), NIC: nicID})
	}
	g.stack.SetRouteTable(routes)
	if err := g.stack.SetPromiscuousMode(nicID, true); err != nil {
		return failed(err)
	}
	if err := g.stack.SetSpoofing(nicID, true); err != nil {
		return failed(err)
	}
	return nil
}

// bound sets what connections may hold.
func (g *gateway) bound() tcpip.Error {
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: bufferMin, Default: bufferUsual, Max: bufferMax}
	if err := g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &receive); err != nil {
		return err
	}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: bufferMin, Default: bufferUsual, Max: bufferMax}
	return g.stack.SetTransportProtocolOption(tcp.ProtocolNumber, &send)
}

func failed(err tcpip.Error) error { return errors.New(err.String()) }

func protocolOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// know tells the stack who has an address, so that it asks nobody, and no
// answer of another counts.
func (g *gateway) know(a netip.Addr, m mac) error {
	if err := g.stack.AddStaticNeighbor(nicID, protocolOf(a), tcpip.AddrFromSlice(a.AsSlice()), tcpip.LinkAddress(m[:])); err != nil {
		return failed(err)
	}
	return nil
}

func (g *gateway) forget(a netip.Addr) {
	// It is known, or the stack has ended.
	_ = g.stack.RemoveNeighbor(nicID, protocolOf(a), tcpip.AddrFromSlice(a.AsSlice()))
}

// deliver takes a guest's frame.
func (g *gateway) deliver(f frame) {
	if !g.concerns(f) {
		return
	}
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(f)})
	defer pkt.DecRef()
	g.link.InjectInbound(0, pkt)
}

// concerns reports whether the stack is to get a frame. It takes packets for any
// address, so it would answer for everybody who is asked for as a neighbour, or
// whether he is there; it is to do so for itself alone.
func (g *gateway) concerns(f frame) bool {
	switch f.protocol() {
	case protoTCP, protoUDP, protoFragment:
		return true
	case protoICMPv6:
		return g.addresses[f.target()] || g.addresses[f.neighbor()]
	}
	return g.addresses[f.target()] // ARP and ICMP
}

// carry hands on the gateway's frames until ctx ends.
func (g *gateway) carry(ctx context.Context, to func(frame)) {
	for {
		pkt := g.link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		view := pkt.ToView()
		to(append(frame(nil), view.AsSlice()...))
		view.Release()
		pkt.DecRef()
	}
}

// stop breaks off all connections.
func (g *gateway) stop() { g.stack.Close() }

// close waits for what the stack still does. It was stopped.
func (g *gateway) close() {
	_ = g.stack.RemoveNIC(nicID) // where there is one
	g.link.Close()
	g.stack.Wait()
}
