package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// networkValue is a network as it is stored, by its name.
type networkValue struct {
	versioned
	Network cardplane.Network `json:"network"`
}

// addressValue is who has an address, by the network's id and the address.
type addressValue struct {
	versioned
	User string `json:"container"`
}

// CreateNetwork records a network, with further changes in the same
// transaction. It fails with network_exists where the name is taken.
func (s *Store) CreateNetwork(n cardplane.Network, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		networks := tx.Bucket(bucketNetworks)
		if networks.Get([]byte(n.Name)) != nil {
			return apierr.New(apierr.AlreadyExists, "network_exists",
				"the network %q exists; use it, remove it, or choose another name", n.Name).At("/name")
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return put(networks, n.Name, networkValue{versioned{version}, n})
	})
	return wrapNetwork(err, "create", n.Name)
}

// LoadNetworks returns all networks, ordered by name.
func (s *Store) LoadNetworks() ([]cardplane.Network, error) {
	var all []cardplane.Network
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketNetworks).ForEach(func(name, raw []byte) error {
			v, err := decodeNetwork(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, v.Network)
			return nil
		})
	})
	return all, wrapNetwork(err, "load", "")
}

func decodeNetwork(raw []byte) (networkValue, error) {
	var v networkValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, err
	}
	return v, v.checkVersion()
}

// NetworkNotFound is the error about a network that does not exist.
func NetworkNotFound(ref string) *apierr.Error {
	return apierr.New(apierr.NotFound, "network_not_found",
		"there is no network %q; `cardctl network ls` lists all, `cardctl network create` makes one", ref)
}

// RemoveNetwork forgets a network, with further changes in the same transaction.
// It fails with network_in_use while a container has an address on it.
func (s *Store) RemoveNetwork(n cardplane.Network, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		users, err := addresses(tx, n.ID)
		if err != nil {
			return err
		}
		for _, user := range users {
			return NetworkInUse(n.Name, user)
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return tx.Bucket(bucketNetworks).Delete([]byte(n.Name))
	})
	return wrapNetwork(err, "remove", n.Name)
}

// NetworkInUse is the error about a network that a container or sandbox needs.
func NetworkInUse(name, user string) error {
	return apierr.New(apierr.FailedPrecondition, "network_in_use",
		"the network %q is that of %s; remove that, or take a container off with `cardctl network disconnect`", name, nameUser(user))
}

// LeaseAddress gives an address of a network to a user, a container or a sandbox
// as it owns, which may have it already. Errors: network_not_found,
// address_in_use.
func LeaseAddress(n cardplane.Network, addr netip.Addr, user string) Change {
	return func(tx *bbolt.Tx) error {
		raw := tx.Bucket(bucketNetworks).Get([]byte(n.Name))
		if raw == nil {
			return NetworkNotFound(n.Name)
		}
		v, err := decodeNetwork(raw)
		if err != nil {
			return err
		}
		if v.Network.ID != n.ID {
			return NetworkNotFound(n.ID)
		}
		users, err := addresses(tx, n.ID)
		if err != nil {
			return err
		}
		if other, taken := users[addr]; taken && other != user {
			return AddressInUse(n.Name, addr, other)
		}
		return put(tx.Bucket(bucketAddresses), addressKey(n.ID, addr), addressValue{versioned{version}, user})
	}
}

// AddressInUse is the error about an address that a container or sandbox has.
func AddressInUse(network string, addr netip.Addr, user string) error {
	return apierr.New(apierr.FailedPrecondition, "address_in_use",
		"the address %s of the network %q is that of %s; choose another, or stop that", addr, network, nameUser(user))
}

// nameUser names who has addresses: a container, or a sandbox as it owns.
func nameUser(user string) string {
	if id, ok := strings.CutPrefix(user, OwnerSandbox); ok {
		return fmt.Sprintf("sandbox %.12s", id)
	}
	return fmt.Sprintf("container %.12s", user)
}

// EndAddress takes back an address.
func EndAddress(network string, addr netip.Addr) Change {
	return func(tx *bbolt.Tx) error { return tx.Bucket(bucketAddresses).Delete([]byte(addressKey(network, addr))) }
}

// EndAddresses takes back all addresses of a user.
func EndAddresses(user string) Change {
	return func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketAddresses)
		var ended [][]byte
		err := bucket.ForEach(func(k, raw []byte) error {
			v, err := decodeAddress(raw)
			if err == nil && v.User == user {
				ended = append(ended, bytes.Clone(k))
			}
			return err
		})
		for _, k := range ended {
			if err == nil {
				err = bucket.Delete(k)
			}
		}
		return err
	}
}

// Addresses returns who has which address of a network.
func (s *Store) Addresses(network string) (users map[netip.Addr]string, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		users, err = addresses(tx, network)
		return err
	})
	return users, wrapNetwork(err, "find the addresses of", network)
}

func addresses(tx *bbolt.Tx, network string) (map[netip.Addr]string, error) {
	users := make(map[netip.Addr]string)
	prefix := []byte(network + "/")
	c := tx.Bucket(bucketAddresses).Cursor()
	for k, raw := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		v, err := decodeAddress(raw)
		if err != nil {
			return nil, err
		}
		addr, err := netip.ParseAddr(strings.TrimPrefix(string(k), string(prefix)))
		if err != nil {
			return nil, err
		}
		users[addr] = v.User
	}
	return users, nil
}

func decodeAddress(raw []byte) (addressValue, error) {
	var v addressValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, err
	}
	return v, v.checkVersion()
}

func addressKey(network string, addr netip.Addr) string { return network + "/" + addr.String() }

func wrapNetwork(err error, action, name string) error {
	if err == nil || apierr.ClassOf(err) != apierr.Internal {
		return err
	}
	return fmt.Errorf("%s network %s: %w", action, name, err)
}
