// Package rules keeps the host's packet filter in step with its networks.
//
// All is in two tables of our own, one for what bridges switch and one for what
// the host routes. They are written whole, in one transaction: a packet meets
// either the old rules or the new ones. Nothing of any other table is read or
// written, so what others refuse stays refused.
package rules

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Ruleset is all that the tables are made from.
type Ruleset struct {
	// Table is the name of both tables.
	Table string
	// Bridges and Taps are what the names of ours, and of no others, begin
	// with. What none of the below allows to such a one is refused.
	Bridges, Taps string
	Networks      []Network
	NICs          []NIC
	Forwards      []Forward
	// Guarded4 and Guarded6 are links that forward packets of a family for the
	// sake of networks alone, those of daemons whose bridges' names begin with
	// Kin.
	Guarded4, Guarded6 []string
	Kin                string
}

// Network is a bridge and what its VMs may do beyond it.
type Network struct {
	Bridge   string
	Prefixes []netip.Prefix
	// Outbound lets them out with an address of the host.
	Outbound bool
	// Isolated keeps them from each other.
	Isolated bool
	// Blocked are prefixes that they do not reach.
	Blocked []netip.Prefix
}

// NIC is a VM's interface.
type NIC struct {
	Tap string
	// MAC and Addresses are all that it may send from.
	MAC       net.HardwareAddr
	Addresses []netip.Addr
	// Rx and Tx are what may pass to and from the VM.
	Rx, Tx Limits
}

// Limits are amounts in a second; 0 is without limit.
type Limits struct{ Bytes, Packets uint64 }

// Forward leads a port of the host to an address behind a bridge.
type Forward struct {
	// Protocol is IPPROTO_TCP or IPPROTO_UDP.
	Protocol uint8
	// HostAddress is the zero Addr for all of the host's.
	HostAddress netip.Addr
	HostPort    uint16
	Bridge      string
	To          netip.AddrPort
}

// bufferBytes bounds a transaction and its answers: thousands of interfaces.
const bufferBytes = 16 << 20

// open returns a connection that takes large transactions.
func open() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(c *netlink.Conn) error {
		return errors.Join(c.SetReadBuffer(bufferBytes), c.SetWriteBuffer(bufferBytes))
	}))
}

// Apply puts the rules in the place of those that there are.
func (r Ruleset) Apply() error {
	conn, err := open()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	b := builder{conn: conn, rules: r}
	b.switched()
	b.routed()
	if err := errors.Join(b.failed, conn.Flush()); err != nil {
		return fmt.Errorf("write nftables table %s: %w", r.Table, err)
	}
	return nil
}

// families are those of the two tables.
var families = []nftables.TableFamily{nftables.TableFamilyBridge, nftables.TableFamilyINet}

// Remove removes the tables of that name. Those that do not exist are removed.
func Remove(name string) error {
	conn, err := open()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	have, err := conn.ListTables()
	if err != nil {
		return fmt.Errorf("list nftables tables: %w", err)
	}
	for _, t := range have {
		if t.Name == name && (t.Family == families[0] || t.Family == families[1]) {
			conn.DelTable(t)
		}
	}
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove nftables table %s: %w", name, err)
	}
	return nil
}

// Tables returns the names of all tables of nftables.
func Tables() ([]string, error) {
	conn, err := open()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	have, err := conn.ListTables()
	if err != nil {
		return nil, fmt.Errorf("list nftables tables: %w", err)
	}
	var names []string
	for _, t := range have {
		names = append(names, t.Name)
	}
	return names, nil
}

// Dropping returns the chains of others' tables that drop all forwarded
// packets which they do not accept: family, table and name of each.
func Dropping() ([]string, error) {
	conn, err := open()
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	all, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("list nftables chains: %w", err)
	}
	families := map[nftables.TableFamily]string{
		nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
	}
	var names []string
	for _, c := range all {
		family, routes := families[c.Table.Family]
		if routes && c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward && c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop {
			names = append(names, fmt.Sprintf("%s %s %s", family, c.Table.Name, c.Name))
		}
	}
	return names, nil
}

// Check says why tables cannot be written here, nil if they can. It makes and
// removes them in one transaction, so that nobody sees them.
func (r Ruleset) Check() error {
	conn, err := open()
	if err != nil {
		return err
	}
	b := builder{conn: conn, rules: r}
	b.switched()
	b.routed()
	for _, family := range families {
		conn.DelTable(&nftables.Table{Name: r.Table, Family: family})
	}
	return errors.Join(b.failed, conn.Flush())
}
