package cardplane

import (
	"cmp"
	"context"
	"time"
)

// DefaultNetwork is the name of the network of containers that name none. It is
// made at its first use.
const DefaultNetwork = "default"

// Network connects containers, which find each other by name on it.
type Network struct {
	// ID is 32 hexadecimal digits. A network that is made anew under an old name
	// has another.
	ID string
	// Name is unique among networks.
	Name    string
	Subnets []Subnet
	MTU     int
	// Internal: nothing leads out of it.
	Internal bool `json:",omitempty"`
	// Isolated: its containers do not reach each other.
	Isolated  bool              `json:",omitempty"`
	Labels    map[string]string `json:",omitempty"`
	CreatedAt time.Time
}

// Subnet is a range of addresses of a network.
type Subnet struct {
	// Prefix is such as "10.5.0.0/24", IPv4 or IPv6.
	Prefix string
	// Gateway is the compute host's address in it. Empty in a NetworkSpec means
	// the first.
	Gateway string
}

// Defaults and bounds of networks.
const (
	DefaultMTU = 1500
	// UserMTU is the MTU, in user mode, of a network that has the default. Its
	// frames pass no wire, and a large one costs little more than a small one.
	UserMTU = 16 << 10
	MinMTU  = 1280
	MaxMTU  = 65535
	// MaxSubnets is how many subnets a network can have.
	MaxSubnets = 4
	// MaxNICs is how many networks a container can be on, MaxAliases how many
	// further names it can have on one, and MaxPorts how many ports it can
	// publish.
	MaxNICs    = 8
	MaxAliases = 32
	MaxPorts   = 256
)

// NetworkSpec is what a user asks for.
type NetworkSpec struct {
	// Name is made up when it is empty.
	Name string
	// Subnets are chosen where there are none: an IPv4 one, and an IPv6 one
	// where IPv6 asks for it.
	Subnets []Subnet
	IPv6    bool
	// MTU is MinMTU to MaxMTU; 0 means DefaultMTU.
	MTU                int
	Internal, Isolated bool
	Labels             map[string]string
}

// NIC puts a container on a network.
type NIC struct {
	// Network is the network's name.
	Network string
	// Aliases are further names on the network, beside the container's and the
	// first 12 digits of its id.
	Aliases []string `json:",omitempty"`
	// Addresses are fixed, one of a subnet at most; chosen where there is none.
	Addresses []string `json:",omitempty"`
	// MAC is made of the address when it is empty.
	MAC    string    `json:",omitempty"`
	Limits NICLimits `json:",omitzero"`
}

// NICLimits bounds what passes an interface, in bytes per second. 0 is without a
// limit.
type NICLimits struct {
	Receive, Send int64 `json:",omitempty"`
}

// Protocol is a transport protocol.
type Protocol string

// The protocols of ports.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Port is a port of a container that is published on the compute host.
type Port struct {
	// HostAddress is one of the host's; empty means all IPv4 ones.
	HostAddress string `json:",omitempty"`
	// HostPort 0 means one that is free. In Container.Ports it is never 0.
	HostPort      int `json:",omitempty"`
	ContainerPort int
	Protocol      Protocol
}

// NetworkMode says who carries a network.
type NetworkMode string

// The modes of networks. One that is in use stays in its mode.
const (
	// HostMode: the compute host's kernel does, with bridges and a packet filter.
	HostMode NetworkMode = "host"
	// UserMode: the card's own process does, where the host can have no networks.
	UserMode NetworkMode = "user"
)

// Or is m, or HostMode where nothing is recorded.
func (m NetworkMode) Or() NetworkMode { return cmp.Or(m, HostMode) }

// Interface is an interface of a container's run.
type Interface struct {
	// Network is the network's name.
	Network, NetworkID string
	// Name is the interface's in the container.
	Name, MAC string
	// Addresses have the length of their subnet's prefix.
	Addresses []string
	Gateways  []string  `json:",omitempty"`
	Aliases   []string  `json:",omitempty"`
	Limits    NICLimits `json:",omitzero"`
	MTU       int
	// Mode is the network's.
	Mode NetworkMode `json:",omitempty"`
}

// NetworkFilter selects networks in List. All of its parts must match.
type NetworkFilter struct {
	// Labels and Names are as in ContainerFilter.
	Labels, Names []string
}

// Match reports whether f selects n.
func (f NetworkFilter) Match(n Network) bool {
	return hasLabels(n.Labels, f.Labels) && hasName(f.Names, n.Name)
}

// NetworkService keeps networks. Every ref is a network's name or id.
//
// # Use
//
// A network belongs to the containers and sandboxes that name it, running or not,
// and to those that run on it. It is not removed while there is one. On the compute
// host it exists while a container runs on it.
//
// Addresses of a network are given to one container at a time, from the begin of
// its run until its machine is gone.
//
// Errors common to all methods: network_not_found.
//
// All methods are safe for concurrent use.
type NetworkService interface {
	// Create records a network. key makes it idempotent, as in
	// ContainerService. Errors: network_exists, invalid_name, invalid_subnet,
	// invalid_gateway, subnet_overlaps, subnets_exhausted, invalid_mtu,
	// network_unavailable, idempotency_key_reused, host_unavailable.
	Create(ctx context.Context, spec NetworkSpec, key string) (Network, error)

	// Get returns one network.
	Get(ctx context.Context, ref string) (Network, error)

	// List returns networks in order of creation.
	List(ctx context.Context, filter NetworkFilter) ([]Network, error)

	// Prune removes all networks that filter selects and that are not in use.
	// After an error Pruned says what is gone all the same.
	Prune(ctx context.Context, filter PruneFilter) (Pruned, error)

	// Remove deletes a network. It fails with network_in_use.
	Remove(ctx context.Context, ref string) error
}

// NICService changes the networks of a container, also while it runs.
type NICService interface {
	// Connect gives the container an interface. Errors: network_not_found,
	// network_connected, and those of Create and Start to do with networks.
	Connect(ctx context.Context, ref string, nic NIC) (Container, error)

	// Disconnect takes the container's interface on a network away, which is
	// given by name or id. Errors: network_not_connected, ports_published.
	Disconnect(ctx context.Context, ref, network string) (Container, error)
}
