package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
	"go.etcd.io/bbolt"
)

// Record is a container with what only the control plane knows about it.
type Record struct {
	Container cardplane.Container
	Run       Run
}

// Run is what must survive a crash of the control plane about a container's
// present run. Which virtual machine it has is Container.SandboxID.
type Run struct {
	// DiskUsed tells that a program has run with the writable layer, so that
	// a later start which fails must keep it.
	DiskUsed bool `json:"diskUsed,omitempty"`
	// Exit is how the program ended, recorded before its virtual machine is
	// switched off. Nil while it runs or when it is not known.
	Exit *Exit `json:"exit,omitempty"`
	// ExitTold tells that the event of the exit is recorded.
	ExitTold bool `json:"exitTold,omitempty"`
	// KillAt is when a program that was asked to stop gets SIGKILL.
	KillAt time.Time `json:"killAt,omitzero"`
	// Stopped tells that somebody has asked for the program's end, so that the
	// restart policy does not count.
	Stopped bool `json:"stopped,omitempty"`
	// Again tells that somebody has asked for a restart, so that it is started
	// again after its end, whatever the restart policy says.
	Again bool `json:"again,omitempty"`
	// Restarted tells that the run is what such a restart has begun.
	Restarted bool `json:"restarted,omitempty"`
	// FreezeDue tells that the guest may not yet have frozen or thawed the
	// container's processes as its state says.
	FreezeDue bool `json:"freezeDue,omitempty"`
	// PauseTold tells that the latest event of a pause or of its end is of a
	// pause.
	PauseTold bool `json:"pauseTold,omitempty"`
	// Booted is what the machine of the run was made for, nil where that is
	// what the container's specification still says.
	Booted *cardplane.Resources `json:"booted,omitempty"`
	// Before is the specification before an update that the guest has not
	// followed yet. Nil when it has.
	Before *cardplane.ContainerSpec `json:"before,omitempty"`
	// Mounting is a change of the container's mounts that its machine has not
	// followed yet. Nil when it has.
	Mounting *Mounting `json:"mounting,omitempty"`
	// HealthChanges is how many changes of its health, as the guest counts
	// them, are known.
	HealthChanges int64 `json:"healthChanges,omitempty"`
	// Networked tells that the run has its interfaces.
	Networked bool `json:"networked,omitempty"`
	// RestartAt is when a restarting container is started again.
	RestartAt time.Time `json:"restartAt,omitzero"`
	// Streak is how many runs in a row were short.
	Streak int `json:"streak,omitempty"`
}

// Mounting is a change of the mounts of a container that runs.
type Mounting struct {
	// Mount is what is to come. Of what is to go, it has the volume's name alone.
	Mount cardplane.VolumeMount `json:"mount"`
	// Detach tells that all mounts of the volume are to go.
	Detach bool `json:"detach,omitempty"`
	// Refused tells that the mount could not be made, and that what was done for
	// it is taken back.
	Refused bool `json:"refused,omitempty"`
}

// Exit is how a program ended.
type Exit struct {
	Code      int  `json:"code"`
	Signal    int  `json:"signal,omitempty"`
	OOMKilled bool `json:"oomKilled,omitempty"`
	// OOMAtLimit tells that the container's own limit was the cause.
	OOMAtLimit bool      `json:"oomAtLimit,omitempty"`
	At         time.Time `json:"at"`
}

// containerValue is a Record as it is stored. The domain type's field names
// are the JSON keys; testdata/container-v1.json keeps them as they are.
type containerValue struct {
	versioned
	Container cardplane.Container `json:"container"`
	// Problem is Container.Error, which cannot be unmarshalled in place.
	Problem *apierr.Problem `json:"problem,omitempty"`
	Run     Run             `json:"run"`
}

func encodeRecord(rec Record) containerValue {
	v := containerValue{versioned: versioned{version}, Container: rec.Container, Run: rec.Run}
	if rec.Container.Error != nil {
		p := apierr.ToProblem(rec.Container.Error)
		v.Problem, v.Container.Error = &p, nil
	}
	return v
}

func decodeRecord(raw []byte) (Record, error) {
	var v containerValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return Record{}, err
	}
	if err := v.checkVersion(); err != nil {
		return Record{}, err
	}
	if v.Problem != nil {
		v.Container.Error = apierr.FromProblem(*v.Problem)
	}
	return Record{Container: v.Container, Run: v.Run}, nil
}

// Create records a new container and claims its name, with further changes in
// the same transaction. It fails with name_taken.
func (s *Store) Create(rec Record, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := takeName(tx, rec.Container.Name, rec.Container.ID); err != nil {
			return err
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return put(tx.Bucket(bucketContainers), rec.Container.ID, encodeRecord(rec))
	})
	return wrap(err, "create", rec.Container.ID)
}

func takeName(tx *bbolt.Tx, name, id string) error {
	names := tx.Bucket(bucketNames)
	if owner := names.Get([]byte(name)); owner != nil {
		return NameTaken(name, string(owner))
	}
	return names.Put([]byte(name), []byte(id))
}

// NameTaken is the error about a name that container owner has.
func NameTaken(name, owner string) error {
	return apierr.New(apierr.AlreadyExists, "name_taken",
		"the name %q is taken by container %.12s; remove that container or choose another name", name, owner).At("/name")
}

// Rename replaces the record of a container, which has a new name in place of
// old, with further changes in the same transaction. It fails with name_taken.
func (s *Store) Rename(rec Record, old string, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		if err := takeName(tx, rec.Container.Name, rec.Container.ID); err != nil {
			return err
		}
		if err := tx.Bucket(bucketNames).Delete([]byte(old)); err != nil {
			return err
		}
		return put(tx.Bucket(bucketContainers), rec.Container.ID, encodeRecord(rec))
	})
	return wrap(err, "rename", rec.Container.ID)
}

// Save replaces the record of a container, with further changes in the same
// transaction.
func (s *Store) Save(rec Record, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		return put(tx.Bucket(bucketContainers), rec.Container.ID, encodeRecord(rec))
	})
	return wrap(err, "save", rec.Container.ID)
}

// Remove forgets a container, its name and its execs, with further changes in
// the same transaction. It leaves the ledger as it is.
func (s *Store) Remove(rec Record, changes ...Change) error {
	id := []byte(rec.Container.ID)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		names := tx.Bucket(bucketNames)
		if bytes.Equal(names.Get([]byte(rec.Container.Name)), id) {
			if err := names.Delete([]byte(rec.Container.Name)); err != nil {
				return err
			}
		}
		if err := removeExecs(tx, rec.Container.ID); err != nil {
			return err
		}
		return tx.Bucket(bucketContainers).Delete(id)
	})
	return wrap(err, "remove", rec.Container.ID)
}

// Load returns every container, ordered by id.
func (s *Store) Load() ([]Record, error) {
	var all []Record
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketContainers).ForEach(func(k, raw []byte) error {
			rec, err := decodeRecord(raw)
			if err != nil {
				return fmt.Errorf("container %s: %w", k, err)
			}
			all = append(all, rec)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load containers: %w", err)
	}
	return all, nil
}

// wrap names the operation and the container, unless err is for the user.
func wrap(err error, op, id string) error {
	if err == nil || apierr.ClassOf(err) != apierr.Internal {
		return err
	}
	return fmt.Errorf("%s container %s: %w", op, id, err)
}
