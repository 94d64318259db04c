package network

import (
	"errors"
	"net/netip"

	"github.com/cardplane/cardplane/guest-agent/resolver"
)

// names is a resolver's server on a port of its own, to which the one that
// containers ask at is diverted from start to Close.
type names struct {
	server    *resolver.Server
	diversion Diversion
	started   bool
}

// listen has the resolver answer on a free port of the address, and readies the
// diversion to it.
func listen(links Links, r *resolver.Resolver, address netip.AddrPort) (*names, error) {
	server, err := resolver.Listen(r, address.Addr())
	if err != nil {
		return nil, err
	}
	diversion, err := links.Divert(address, server.Addr())
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return &names{server: server, diversion: diversion}, nil
}

// start has what containers ask reach the server.
func (n *names) start() error {
	if n.started {
		return nil
	}
	err := n.diversion.Start()
	n.started = err == nil
	return err
}

// Close ends both.
func (n *names) Close() error { return errors.Join(n.diversion.Close(), n.server.Close()) }
