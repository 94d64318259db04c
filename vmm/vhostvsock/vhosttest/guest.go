package vhosttest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/vmm/vhostvsock/packet"
)

// DefaultBuffer is the receive buffer of a guest's connection in bytes,
// Linux's default.
const DefaultBuffer = 256 << 10

// Guest is a guest's vsock sockets on top of a Driver. It checks the device
// as it goes: Err tells of the first rule that it broke.
type Guest struct {
	Driver *Driver
	Buffer uint32 // receive buffer of new connections

	running sync.WaitGroup // receive and transmit

	mu        sync.Mutex // guards what follows
	changed   sync.Cond  // outbox or closing has changed
	outbox    []outPacket
	closing   bool
	err       error
	nextPort  uint32
	conns     map[connKey]*Conn
	listeners map[uint32]*Listener
}

// outPacket waits for the transmitter. The queue between has no limit: a
// driver that stopped receiving while it waits to send could stand still for
// ever together with the device.
type outPacket struct {
	h       packet.Header
	payload []byte
}

type connKey struct{ guestPort, hostPort uint32 }

// NewGuest starts goroutines that receive and transmit for d until Close.
func NewGuest(d *Driver) *Guest {
	g := &Guest{
		Driver: d, Buffer: DefaultBuffer, nextPort: 50000,
		conns: map[connKey]*Conn{}, listeners: map[uint32]*Listener{},
	}
	g.changed.L = &g.mu
	g.running.Go(g.receive)
	g.running.Go(g.transmit)
	return g
}

// Close ends the guest and its Driver. Its connections fail.
func (g *Guest) Close() error {
	err := g.Driver.Interrupt()
	g.mu.Lock()
	g.closing = true
	g.changed.Broadcast()
	g.mu.Unlock()
	g.running.Wait()
	g.mu.Lock()
	for _, c := range g.conns {
		c.failLocked(errors.New("guest is closed"))
	}
	err = errors.Join(err, g.err)
	g.mu.Unlock()
	return errors.Join(err, g.Driver.Close())
}

// Err returns the first rule that the device broke, or nil.
func (g *Guest) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

func (g *Guest) receive() {
	for {
		h, payload, err := g.Driver.Recv(time.Hour)
		if errors.Is(err, ErrStopped) {
			return
		}
		g.mu.Lock()
		if err == nil {
			err = g.handleLocked(&h, payload)
		}
		g.failLocked(err)
		g.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (g *Guest) failLocked(err error) {
	if g.err == nil {
		g.err = err
	}
}

// transmit sends what is in the outbox, in order.
func (g *Guest) transmit() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.closing {
		if len(g.outbox) == 0 {
			g.changed.Wait()
			continue
		}
		batch := g.outbox
		g.outbox = nil
		g.mu.Unlock()
		var err error
		for i := 0; i < len(batch) && err == nil; i++ {
			err = g.Driver.Send(batch[i].h, batch[i].payload)
		}
		g.mu.Lock()
		g.failLocked(err)
	}
}

func (g *Guest) postLocked(h packet.Header, payload []byte) {
	g.outbox = append(g.outbox, outPacket{h, bytes.Clone(payload)})
	g.changed.Signal()
}

func (g *Guest) handleLocked(h *packet.Header, payload []byte) error {
	if h.SrcCID != packet.HostCID || h.DstCID != g.Driver.CID || h.Type != packet.TypeStream {
		return fmt.Errorf("packet with wrong addresses or type: %+v", *h)
	}
	key := connKey{guestPort: h.DstPort, hostPort: h.SrcPort}
	c := g.conns[key]
	if c == nil {
		return g.strangerLocked(key, h)
	}
	c.peerAlloc, c.peerFwd = h.BufAlloc, h.FwdCnt
	defer c.changed.Broadcast()
	switch h.Op {
	case packet.OpResponse:
		c.open = true
	case packet.OpReset:
		c.failLocked(unix.ECONNRESET)
		delete(g.conns, key)
	case packet.OpShutdown:
		c.shutdownLocked(h.Flags)
	case packet.OpData:
		return c.receiveLocked(payload)
	case packet.OpCreditRequest:
		c.sendLocked(packet.OpCreditUpdate, 0, nil)
	case packet.OpCreditUpdate:
	default:
		return fmt.Errorf("unexpected packet on a connection: %+v", *h)
	}
	return nil
}

// strangerLocked handles a packet of no connection.
func (g *Guest) strangerLocked(key connKey, h *packet.Header) error {
	if h.Op == packet.OpReset {
		return nil
	}
	l := g.listeners[key.guestPort]
	if h.Op != packet.OpRequest || l == nil {
		g.postLocked(packet.Header{SrcPort: key.guestPort, DstPort: key.hostPort, Op: packet.OpReset}, nil)
		return nil
	}
	c := g.newConnLocked(key)
	c.open, c.peerAlloc, c.peerFwd = true, h.BufAlloc, h.FwdCnt
	c.sendLocked(packet.OpResponse, 0, nil)
	select {
	case l.backlog <- c:
		return nil
	default:
		return fmt.Errorf("backlog of port %d is full", key.guestPort)
	}
}

func (g *Guest) newConnLocked(key connKey) *Conn {
	c := &Conn{g: g, key: key, alloc: g.Buffer}
	c.changed.L = &g.mu
	g.conns[key] = c
	return c
}

// Listener accepts connections of the host.
type Listener struct{ backlog chan *Conn }

// Listen accepts connections to a port.
func (g *Guest) Listen(port uint32) *Listener {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := &Listener{backlog: make(chan *Conn, 2048)}
	g.listeners[port] = l
	return l
}

// Accept returns the next connection. It fails with ErrTimeout after 10 s.
func (l *Listener) Accept() (*Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-time.After(10 * time.Second):
		return nil, ErrTimeout
	}
}

// Dial connects to a port of the host. Refusal is ECONNRESET, as in Linux.
func (g *Guest) Dial(port uint32) (*Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nextPort++
	c := g.newConnLocked(connKey{guestPort: g.nextPort, hostPort: port})
	c.sendLocked(packet.OpRequest, 0, nil)
	for !c.open && c.err == nil {
		c.changed.Wait()
	}
	if c.err != nil {
		return nil, c.err
	}
	return c, nil
}
