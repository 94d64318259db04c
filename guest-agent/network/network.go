// Package network configures the machine's interfaces, as the controller says,
// and has its resolver listen where containers look for one.
package network

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"sync"

	"github.com/cardplane/cardplane/guest-agent/resolver"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/guestapi"
)

// ResolverAddress is where containers ask for names, as those of other runtimes
// do.
var ResolverAddress = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 11}), 53)

// Links configures interfaces.
type Links interface {
	// Apply makes the machine's interfaces, the loopback aside, what list says.
	// It may be repeated. Errors: interface_not_found, network_failed.
	Apply(ctx context.Context, list []guestapi.Interface) error
	// Divert readies a diversion of what containers send to from, so that they
	// can listen on the port of from themselves.
	Divert(from, to netip.AddrPort) (Diversion, error)
	// Tap makes an interface with a MAC address whose frames are the caller's to
	// carry, for Apply to configure. Errors: network_failed.
	Tap(mac net.HardwareAddr) (Tap, error)
}

// Diversion has what is sent to one port of the machine reach another one, from
// Start to Close.
type Diversion interface {
	// Start puts it in force. After an error it can only be closed.
	Start() error
	// Close ends it, or gives up what was readied.
	Close() error
}

// Network is the machine's network. Its methods are safe for concurrent use.
type Network struct {
	links    Links
	address  netip.AddrPort
	resolver *resolver.Resolver

	mu      sync.Mutex
	applied []guestapi.Interface
	wires   map[string]*wire // by MAC address
	dirty   bool             // applying has failed
	names   *names           // nil while nothing is ready
}

// New returns a network of which nothing is configured, and whose resolver
// answers at address once there is need for one.
func New(links Links, address netip.AddrPort) *Network {
	return &Network{links: links, address: address, resolver: resolver.New(), wires: make(map[string]*wire)}
}

// Prepare readies all that does not depend on what Set is told, which Set does
// otherwise.
func (n *Network) Prepare(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.prepareLocked()
}

func (n *Network) prepareLocked() (err error) {
	if n.names == nil {
		n.names, err = listen(n.links, n.resolver, n.address)
	}
	return err
}

// Set makes the network what config says. It may be repeated.
func (n *Network) Set(ctx context.Context, config *guestapi.Network) error {
	if err := check(config); err != nil {
		return err
	}
	names, err := resolver.Names(config.Resolver.Names)
	if err != nil {
		return invalid("/resolver/names", "%w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.applyLocked(ctx, config.Interfaces); err != nil {
		return err
	}
	n.resolver.Set(names, config.Resolver.Forward)
	return n.answerLocked(config.Resolver.Names != nil)
}

// applyLocked configures the interfaces, unless they are so already.
func (n *Network) applyLocked(ctx context.Context, list []guestapi.Interface) error {
	if !n.dirty && (len(n.applied)+len(list) == 0 || reflect.DeepEqual(n.applied, list)) {
		return nil
	}
	n.dirty = true
	if err := n.openWiresLocked(list); err != nil {
		return err
	}
	if err := n.links.Apply(ctx, list); err != nil {
		return err
	}
	n.closeWiresLocked(list)
	n.applied, n.dirty = list, false
	return nil
}

// answerLocked has the resolver answer containers, once it was wanted for good.
func (n *Network) answerLocked(wanted bool) error {
	if !wanted {
		return nil
	}
	err := n.prepareLocked()
	if err == nil {
		err = n.startLocked()
	}
	if err != nil {
		return apierr.New(apierr.FailedPrecondition, "network_failed", "the resolver cannot answer at %v: %w", n.address, err)
	}
	return nil
}

// startLocked starts what is ready, and gives it up where that fails.
func (n *Network) startLocked() error {
	err := n.names.start()
	if err != nil {
		err = errors.Join(err, n.names.Close())
		n.names = nil
	}
	return err
}

// ServeNames is [resolver.Resolver.Serve].
func (n *Network) ServeNames(conn net.Conn, in *bufio.Reader) error {
	return n.resolver.Serve(conn, in)
}

// Answer is [resolver.Resolver.Answer].
func (n *Network) Answer(ctx context.Context, query []byte) []byte {
	return n.resolver.Answer(ctx, query)
}

// Close ends the resolver, and removes the interfaces that were made.
func (n *Network) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closeWiresLocked(nil)
	if n.names == nil {
		return nil
	}
	err := n.names.Close()
	n.names = nil
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
