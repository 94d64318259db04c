package store

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// OwnerSandbox begins the owner of what belongs to a sandbox's machine; the
// sandbox's id follows.
const OwnerSandbox = "sbx-"

// SandboxRecord is a sandbox with what only the control plane knows about it.
// State and Containers follow from the containers, and are not stored.
type SandboxRecord struct {
	Sandbox cardplane.Sandbox
	// Machine is the latest machine's id on the host, "" before the first.
	Machine string
	// Wiring is what the sandbox's networks have come to.
	Wiring Wiring
}

// Wiring is what a machine of a sandbox has of networks.
type Wiring struct {
	// Machine is the machine's id, "" where no machine has had networks.
	Machine    string                `json:"machine,omitempty"`
	Interfaces []cardplane.Interface `json:"interfaces,omitempty"`
	// Ports are the published ones, as they are on the host.
	Ports []cardplane.Port `json:"ports,omitempty"`
	// Reason says why there are no interfaces although none was asked for.
	Reason string `json:"reason,omitempty"`
}

// sandboxValue is a SandboxRecord as it is stored, by the sandbox's id.
type sandboxValue struct {
	versioned
	Sandbox cardplane.Sandbox `json:"sandbox"`
	Machine string            `json:"machine,omitempty"`
	Wiring  Wiring            `json:"wiring,omitzero"`
}

// CreateSandbox records a sandbox, with further changes in the same
// transaction. It fails with sandbox_exists where the name is taken.
func (s *Store) CreateSandbox(sandbox cardplane.Sandbox, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		all, err := sandboxes(tx)
		if err != nil {
			return err
		}
		for _, other := range all {
			if other.Sandbox.Name == sandbox.Name {
				return SandboxExists(sandbox.Name)
			}
		}
		for _, change := range changes {
			if err := change(tx); err != nil {
				return err
			}
		}
		return put(tx.Bucket(bucketSandboxes), sandbox.ID, sandboxValue{versioned: versioned{version}, Sandbox: sandbox})
	})
	return wrapSandbox(err, "create", sandbox.Name)
}

// SandboxExists is the error about a name that a sandbox has.
func SandboxExists(name string) error {
	return apierr.New(apierr.AlreadyExists, "sandbox_exists",
		"the sandbox %q exists; use it, remove it, or choose another name", name).At("/name")
}

// LoadSandboxes returns all sandboxes, ordered by id.
func (s *Store) LoadSandboxes() ([]SandboxRecord, error) {
	var all []SandboxRecord
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		all, err = sandboxes(tx)
		return err
	})
	return all, wrapSandbox(err, "load", "")
}

func sandboxes(tx *bbolt.Tx) ([]SandboxRecord, error) {
	var all []SandboxRecord
	err := tx.Bucket(bucketSandboxes).ForEach(func(id, raw []byte) error {
		v, err := decodeSandbox(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		all = append(all, SandboxRecord{Sandbox: v.Sandbox, Machine: v.Machine, Wiring: v.Wiring})
		return nil
	})
	return all, err
}

func decodeSandbox(raw []byte) (sandboxValue, error) {
	var v sandboxValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, err
	}
	return v, v.checkVersion()
}

// UseMachine records which machine a sandbox's containers are started in from
// now on.
func UseMachine(sandbox, machine string) Change {
	return changeSandbox(sandbox, func(v *sandboxValue) { v.Machine = machine })
}

// WireSandbox records what a machine of a sandbox has of networks.
func WireSandbox(sandbox string, wiring Wiring) Change {
	return changeSandbox(sandbox, func(v *sandboxValue) { v.Wiring = wiring })
}

func changeSandbox(id string, change func(*sandboxValue)) Change {
	return func(tx *bbolt.Tx) error {
		v, err := decodeSandbox(tx.Bucket(bucketSandboxes).Get([]byte(id)))
		if err != nil {
			return err
		}
		change(&v)
		return put(tx.Bucket(bucketSandboxes), id, v)
	}
}

// RemoveSandbox forgets a sandbox, with further changes in the same transaction.
func (s *Store) RemoveSandbox(id string, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for _, change := range changes {
			if err := change(tx); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketSandboxes).Delete([]byte(id))
	})
	return wrapSandbox(err, "remove", id)
}

func wrapSandbox(err error, action, name string) error {
	if err == nil || apierr.ClassOf(err) != apierr.Internal {
		return err
	}
	return fmt.Errorf("%s sandbox %s: %w", action, name, err)
}
