package agenttest

import (
	"context"
	"slices"
	"sync"

	"github.com/cardplane/cardplane/guest-agent/network"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// links implements network.Links by remembering.
type links struct {
	mu   sync.Mutex
	list []guestapi.Interface
}

var _ network.Links = (*links)(nil)

// Apply implements network.Links.
func (l *links) Apply(_ context.Context, list []guestapi.Interface) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = slices.Clone(list)
	return nil
}

// Interfaces are those that the agent was told of last.
func (a *Agent) Interfaces() []guestapi.Interface {
	a.links.mu.Lock()
	defer a.links.mu.Unlock()
	return slices.Clone(a.links.list)
}
