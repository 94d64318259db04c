package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Kind is a kind of resource on the compute host.
type Kind string

// The kinds of resources.
const (
	VM   Kind = "vm"
	Disk Kind = "disk"
	Blob Kind = "blob"
	// Snapshot is a template that machines are started from.
	Snapshot Kind = "snapshot"
	// Network is a network, Forward a published port.
	Network Kind = "network"
	Forward Kind = "forward"
)

// Resource is something that may exist on the compute host because of us.
type Resource struct {
	Kind Kind
	// ID is its name on the host: of our choice, or a blob's digest.
	ID string
	// Owner is the id of the container that a VM or disk is for, or of the
	// image that a blob holds.
	Owner string
	// ClaimedAt is when it was written down.
	ClaimedAt time.Time
}

type resourceValue struct {
	versioned
	Owner     string    `json:"owner"`
	ClaimedAt time.Time `json:"claimedAt"`
}

// Change is a further change within a transaction.
type Change func(tx *bbolt.Tx) error

// Claim writes a resource down. It must be durable before the resource is
// made. Claiming again keeps the first claim's time.
func Claim(r Resource) Change {
	return func(tx *bbolt.Tx) error {
		ledger := tx.Bucket(bucketLedger)
		if ledger.Get(ledgerKey(r)) != nil {
			return nil
		}
		return put(ledger, string(ledgerKey(r)), resourceValue{versioned{version}, r.Owner, time.Now().UTC()})
	}
}

// Release strikes a resource out. The resource must be gone.
func Release(r Resource) Change {
	return func(tx *bbolt.Tx) error { return tx.Bucket(bucketLedger).Delete(ledgerKey(r)) }
}

// Update makes changes alone, without a container's record.
func (s *Store) Update(changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error { return apply(tx, changes) })
	if err != nil {
		return fmt.Errorf("update store: %w", err)
	}
	return nil
}

// apply makes changes in a transaction.
func apply(tx *bbolt.Tx, changes []Change) error {
	for _, change := range changes {
		if err := change(tx); err != nil {
			return err
		}
	}
	return nil
}

// Ledger returns every claim, ordered by kind and id.
func (s *Store) Ledger() ([]Resource, error) {
	var all []Resource
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketLedger).ForEach(func(k, raw []byte) error {
			var v resourceValue
			if err := json.Unmarshal(raw, &v); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			if err := v.checkVersion(); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			kind, id, _ := strings.Cut(string(k), "/")
			all = append(all, Resource{Kind: Kind(kind), ID: id, Owner: v.Owner, ClaimedAt: v.ClaimedAt})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return all, nil
}

// Claimed reports whether the ledger has a resource of that kind and id.
func (s *Store) Claimed(kind Kind, id string) (bool, error) {
	var found bool
	err := s.db.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket(bucketLedger).Get(ledgerKey(Resource{Kind: kind, ID: id})) != nil
		return nil
	})
	return found, err
}

func ledgerKey(r Resource) []byte { return []byte(string(r.Kind) + "/" + r.ID) }
