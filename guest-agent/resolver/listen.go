package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// maxUDP bounds an answer over UDP to one that does not say how much it
	// takes (RFC 1035, section 4.2.1), and what is read of a query, in bytes.
	maxUDP   = 512
	maxQuery = 4096
	// maxAtOnce bounds the queries that are answered at a time, maxConns the
	// TCP connections.
	maxAtOnce = 256
	maxConns  = 64
	// maxTries bounds the search for a port that is free on both.
	maxTries = 16
	// idleTimeout bounds how long a TCP connection is silent.
	idleTimeout = 10 * time.Second
	// lengthSize is the length of what stands before a message on TCP, in
	// bytes.
	lengthSize = 2
)

// Server serves a Resolver on a port of UDP and of TCP.
type Server struct {
	resolver *Resolver
	packets  net.PacketConn
	streams  net.Listener
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
	queries  chan struct{} // a token for each query that is answered
	conns    chan struct{} // and for each connection
}

// Listen serves r on a free port of ip until Close.
func Listen(r *Resolver, ip netip.Addr) (*Server, error) {
	packets, streams, err := listenBoth(ip)
	for tries := 1; tries < maxTries && errors.Is(err, syscall.EADDRINUSE); tries++ {
		packets, streams, err = listenBoth(ip)
	}
	if err != nil {
		return nil, err
	}
	s := &Server{
		resolver: r, packets: packets, streams: streams,
		queries: make(chan struct{}, maxAtOnce), conns: make(chan struct{}, maxConns),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.work.Go(s.servePackets)
	s.work.Go(s.serveStreams)
	return s, nil
}

// listenBoth listens over UDP and, on the same port, over TCP, where that may be
// taken.
func listenBoth(ip netip.Addr) (net.PacketConn, net.Listener, error) {
	packets, err := net.ListenPacket("udp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		return nil, nil, err
	}
	streams, err := net.Listen("tcp", packets.LocalAddr().String())
	if err != nil {
		return nil, nil, errors.Join(err, packets.Close())
	}
	return packets, streams, nil
}

// Addr is where it listens.
func (s *Server) Addr() netip.AddrPort {
	addr := s.packets.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}

// Close ends serving and returns once that has ended.
func (s *Server) Close() error {
	s.cancel()
	err := errors.Join(s.packets.Close(), s.streams.Close())
	s.work.Wait()
	return err
}

// servePackets answers over UDP. Queries beyond maxAtOnce are dropped, as a
// full network would.
func (s *Server) servePackets() {
	buf := make([]byte, maxQuery)
	for {
		n, from, err := s.packets.ReadFrom(buf)
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // of an earlier answer, which nobody has taken
		}
		select {
		case s.queries <- struct{}{}:
		default:
			continue
		}
		query := append([]byte(nil), buf[:n]...)
		s.work.Go(func() {
			defer func() { <-s.queries }()
			if answer := fit(query, s.resolver.Answer(s.ctx, query)); answer != nil {
				_, _ = s.packets.WriteTo(answer, from) // who is gone needs no answer
			}
		})
	}
}

// fit returns an answer that is no longer than who has asked can take over UDP:
// one that is too long tells to ask over TCP.
func fit(query, answer []byte) []byte {
	if len(answer) <= maxUDP || len(answer) <= payloadSize(query) {
		return answer
	}
	var p dnsmessage.Parser
	head, err := p.Start(answer)
	if err != nil {
		return nil
	}
	question, err := p.Question()
	if err != nil {
		return nil
	}
	head.Truncated = true
	m := dnsmessage.Message{Header: head, Questions: []dnsmessage.Question{question}}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

// payloadSize is how long an answer over UDP the query allows: its EDNS option
// says so (RFC 6891, section 6.2.3).
func payloadSize(query []byte) int {
	var m dnsmessage.Message
	if m.Unpack(query) != nil {
		return maxUDP
	}
	for _, r := range m.Additionals {
		if r.Header.Type == dnsmessage.TypeOPT {
			return max(maxUDP, int(r.Header.Class))
		}
	}
	return maxUDP
}

func (s *Server) serveStreams() {
	for {
		conn, err := s.streams.Accept()
		if s.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue
		}
		select {
		case s.conns <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		s.work.Go(func() {
			defer func() { <-s.conns }()
			stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			s.serveConn(conn)
		})
	}
}

// serveConn answers one query after the other, until the client has no more or
// says what is none.
func (s *Server) serveConn(conn net.Conn) {
	for {
		query, err := readMessage(conn)
		if err != nil {
			return
		}
		answer := s.resolver.Answer(s.ctx, query)
		if answer == nil || writeMessage(conn, answer) != nil {
			return
		}
	}
}

func readMessage(conn net.Conn) ([]byte, error) {
	if err := conn.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
		return nil, err
	}
	var length [lengthSize]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(length[:])
	if n > maxQuery {
		return nil, errors.New("the query is too long")
	}
	query := make([]byte, n)
	_, err := io.ReadFull(conn, query)
	return query, errors.Join(err, conn.SetDeadline(time.Time{}))
}

func writeMessage(conn net.Conn, answer []byte) error {
	if err := conn.SetDeadline(time.Now().Add(idleTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	return err
}

// Names reads the names of a request: addresses as text.
func Names(text map[string][]string) (map[string][]netip.Addr, error) {
	names := make(map[string][]netip.Addr, len(text))
	for name, list := range text {
		addrs := make([]netip.Addr, 0, len(list))
		for _, one := range list {
			a, err := netip.ParseAddr(one)
			if err != nil {
				return nil, err
			}
			addrs = append(addrs, a.Unmap())
		}
		names[name] = addrs
	}
	return names, nil
}
