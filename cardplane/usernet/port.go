package usernet

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/cardplane/cardplane/openapi/apierr"
)

// NIC is a guest's interface.
type NIC struct {
	MAC net.HardwareAddr
	// Addresses are all that it may send from.
	Addresses []netip.Addr
	// Receive and Send bound what passes to and from the guest, in bytes per
	// second. 0 is without a limit.
	Receive, Send int64
}

// Port is where a guest's interface is plugged in. Its methods are safe for
// concurrent use.
type Port struct {
	net           *Network
	owner         owner
	out           *queue // to the guest
	receive, send *rate.Limiter
}

// burst is how long a limited interface may go at full speed, at most, before
// its limit counts; minBurst is what always fits, in bytes.
const (
	burst    = 100 * time.Millisecond
	minBurst = 128 << 10
)

func limiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), max(minBurst, int(float64(bytesPerSecond)*burst.Seconds())))
}

// Join plugs an interface in. Errors: mac_in_use.
func (n *Network) Join(nic NIC) (*Port, error) {
	if len(nic.MAC) != len(mac{}) {
		return nil, fmt.Errorf("the MAC address %q is none of Ethernet", nic.MAC)
	}
	p := &Port{
		net: n, owner: owner{mac: mac(nic.MAC), addresses: make(map[netip.Addr]bool)}, out: newQueue(),
		receive: limiter(nic.Receive), send: limiter(nic.Send),
	}
	for _, a := range nic.Addresses {
		p.owner.addresses[a] = true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, errClosed
	}
	if n.ports[p.owner.mac] != nil || p.owner.mac == n.gate.mac {
		return nil, apierr.New(apierr.FailedPrecondition, "mac_in_use", "the MAC address %s is in use on the network; choose another, or none", nic.MAC)
	}
	for a := range p.owner.addresses {
		if err := n.gate.know(a, p.owner.mac); err != nil {
			return nil, err
		}
	}
	n.ports[p.owner.mac] = p
	return p, nil
}

// Leave unplugs the interface and breaks off its connections. It may be called
// again.
func (p *Port) Leave() {
	n := p.net
	n.mu.Lock()
	defer n.mu.Unlock()
	p.out.close()
	if n.ports[p.owner.mac] != p {
		return
	}
	delete(n.ports, p.owner.mac)
	for a := range p.owner.addresses {
		n.gate.forget(a)
	}
	for r := range n.relays {
		if p.owner.addresses[r.kind.guest] {
			r.cancel()
		}
	}
}

// Deliver takes a frame that the guest has sent. It never waits, and keeps
// nothing of b.
func (p *Port) Deliver(b []byte) {
	f, ok := parse(b, p.net.cfg.MTU)
	if !ok || !p.owner.admits(f) || !p.send.AllowN(time.Now(), len(f)) {
		return
	}
	p.net.forward(p, bytes.Clone(f))
}

// Take waits for frames for the guest and returns all that there are. They are
// the caller's. It fails once the port has left, or ctx has ended.
func (p *Port) Take(ctx context.Context) ([][]byte, error) { return p.out.take(ctx) }

// give has the guest get a frame. Nobody changes it any more.
func (p *Port) give(f frame) {
	if p.receive.AllowN(time.Now(), len(f)) {
		p.out.push(f)
	}
}

// forward carries a guest's frame to whom it is for.
func (n *Network) forward(from *Port, f frame) {
	to := f.to()
	if to == n.gate.mac || to.group() {
		n.gate.deliver(f)
	}
	if n.cfg.Isolated || to == n.gate.mac {
		return
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	n.spreadLocked(from, f)
}

// deliver carries a frame of the gateway.
func (n *Network) deliver(f frame) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	n.spreadLocked(nil, f)
}

// spreadLocked gives a frame to the port that it is for, or to all but one.
func (n *Network) spreadLocked(but *Port, f frame) {
	if !f.to().group() {
		if p := n.ports[f.to()]; p != nil {
			p.give(f)
		}
		return
	}
	for _, p := range n.ports {
		if p != but {
			p.give(f)
		}
	}
}
