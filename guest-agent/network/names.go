package network

import (
	"errors"
	"io"

	"github.com/cardplane/cardplane/guest-agent/resolver"
)

// names is a resolver's server on a port of its own, to which the one that
// containers ask at is diverted.
type names struct {
	server    *resolver.Server
	diversion io.Closer
}

// listen has the resolver answer at n.address without listening there.
func (n *Network) listen() (io.Closer, error) {
	server, err := resolver.Listen(n.resolver, n.address.Addr())
	if err != nil {
		return nil, err
	}
	diversion, err := n.links.Divert(n.address, server.Addr())
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return names{server: server, diversion: diversion}, nil
}

// Close ends both.
func (n names) Close() error { return errors.Join(n.diversion.Close(), n.server.Close()) }
