// Package usernet carries networks of guests in the card's own process, for
// compute hosts that can make none: no root, no tap and no packet filter is
// needed.
//
// # A network
//
// A [Network] is a switch with a gateway. Each interface of a guest is a [Port]
// of the switch, which takes and gives whole Ethernet frames; how they travel is
// the caller's. Behind the gateway is a TCP/IP stack in user space. It ends the
// connections that guests make to the outside and makes them anew with the
// card's own sockets, and so it does for published ports, the other way round.
//
// # Trust
//
// Frames come from hostile guests. A port takes none that is malformed or has
// another's MAC or IP address; what a guest can make the card hold, packets,
// connections and names of neighbours, is bounded. A guest reaches nothing of
// the card: not its loopback, not its addresses, and no gateway but to see
// whether it is there. A guest that takes no frames loses its own.
package usernet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/sirupsen/logrus"
)

// Config describes a network.
type Config struct {
	Subnets []Subnet
	MTU     int
	// Internal: nothing leads out of it.
	Internal bool
	// Isolated: its guests do not reach each other.
	Isolated bool
	// Blocked returns, for each connection anew, what guests do not reach
	// beside what no guest ever does: loopback and link-local addresses, and
	// their own network through the gateway. nil is nothing.
	Blocked func() []netip.Prefix
	// Dial connects to what is outside; nil is as the card's machine does.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	Log  logrus.FieldLogger
}

// Subnet is a range of addresses of a network.
type Subnet struct {
	Prefix netip.Prefix
	// Gateway is the network's own address in it.
	Gateway netip.Addr
}

// Network is a running network. Its methods are safe for concurrent use.
type Network struct {
	cfg    Config
	log    logrus.FieldLogger
	gate   *gateway
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.RWMutex
	closed bool
	ports  map[mac]*Port
	relays map[*relay]struct{}
	used   map[kind]int   // of relays
	work   sync.WaitGroup // is added to under mu, unless closed
}

// errClosed is what a network that has ended answers.
var errClosed = errors.New("the network has ended")

// Open starts a network. It must be closed.
func Open(cfg Config) (*Network, error) {
	n := &Network{cfg: cfg, log: cfg.Log, ports: make(map[mac]*Port), relays: make(map[*relay]struct{}), used: make(map[kind]int)}
	gate, err := openGateway(cfg)
	if err != nil {
		return nil, fmt.Errorf("open a network in user mode: %w", err)
	}
	n.gate = gate
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.work.Go(func() { gate.carry(n.ctx, n.deliver) })
	n.forwardOutbound()
	return n, nil
}

// Close ends the network, all connections through it and its published ports.
func (n *Network) Close() {
	n.mu.Lock()
	n.closed = true
	for _, p := range n.ports {
		p.out.close()
	}
	clear(n.ports)
	n.mu.Unlock()
	n.cancel()
	n.gate.stop() // so that nothing waits for a guest
	n.work.Wait()
	n.gate.close()
}

// start runs work, which ends soon after n.ctx does. It does not once the
// network has ended.
func (n *Network) start(work func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.work.Go(work)
	return true
}
