package agenttest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// links implements network.Links by remembering, and with taps in memory.
type links struct {
	mu   sync.Mutex
	list []guestapi.Interface
	taps map[string]*Tap // by MAC address
}

var _ network.Links = (*links)(nil)

// Apply implements network.Links.
func (l *links) Apply(_ context.Context, list []guestapi.Interface) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.Clone(list)
	return nil
}

// Divert implements network.Links: nothing of a test asks at the address.
func (l *links) Divert(_, _ netip.AddrPort) (network.Diversion, error) { return noDiversion{}, nil }

// noDiversion diverts nothing.
type noDiversion struct{}

// Start implements network.Diversion.
func (noDiversion) Start() error { return nil }

// Close implements network.Diversion.
func (noDiversion) Close() error { return nil }

// Interfaces are those that the agent was told of last.
func (a *Agent) Interfaces() []guestapi.Interface {
	a.links.mu.Lock()
	defer a.links.mu.Unlock()
	return slices.Clone(a.links.list)
}

// Tap implements network.Links.
func (l *links) Tap(mac net.HardwareAddr) (network.Tap, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := newTap()
	if l.taps == nil {
		l.taps = make(map[string]*Tap)
	}
	l.taps[mac.String()] = t
	return tapEnd{t}, nil
}

// Tap is the interface of a name that the agent carries the frames of, as the
// machine's kernel has it; nil while there is none.
func (a *Agent) Tap(name string) *Tap {
	a.links.mu.Lock()
	defer a.links.mu.Unlock()
	for _, one := range a.links.list {
		if t := a.links.taps[one.Mac]; t != nil && one.Name == name {
			return t
		}
	}
	return nil
}
