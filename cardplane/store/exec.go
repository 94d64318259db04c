package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Exec is what must survive a crash about an exec. Whether it still runs, the
// guest knows.
type Exec struct {
	ID         string
	Command    []string
	TTY, Stdin bool
	StartedAt  time.Time
	// Told is how much of its life events have told. TellExec sets it.
	Told ExecStep
}

// ExecStep is a step in an exec's life.
type ExecStep int

// The steps. Records of before there were any say ExecStarted.
const (
	ExecBegun ExecStep = iota - 1
	ExecStarted
	ExecEnded
)

type execValue struct {
	versioned
	Command []string `json:"command"`
	TTY     bool     `json:"tty,omitempty"`
	Stdin   bool     `json:"stdin,omitempty"`
	// StartedAt came later than the rest.
	StartedAt time.Time `json:"startedAt,omitzero"`
	Told      ExecStep  `json:"told,omitempty"`
}

// SaveExec records an exec of a running container, with further changes in
// the same transaction. What was told of one that is recorded already stays.
func (s *Store) SaveExec(container string, e Exec, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		v, found, err := getExec(tx, container, e.ID)
		if err != nil {
			return err
		}
		if !found {
			v.Told = ExecBegun
		}
		return putExec(tx, container, e.ID, execValue{versioned{version}, e.Command, e.TTY, e.Stdin, e.StartedAt, v.Told})
	})
	if err != nil {
		return fmt.Errorf("save exec %s of container %s: %w", e.ID, container, err)
	}
	return nil
}

// TellExec makes changes and records that a step of an exec's life was told by
// them. It does nothing where that step or a later one was, or where the exec is
// forgotten.
func TellExec(container, id string, step ExecStep, changes ...Change) Change {
	return func(tx *bbolt.Tx) error {
		v, found, err := getExec(tx, container, id)
		if err != nil || !found || v.Told >= step {
			return err
		}
		v.Told = step
		if err := apply(tx, changes); err != nil {
			return err
		}
		return putExec(tx, container, id, v)
	}
}

func getExec(tx *bbolt.Tx, container, id string) (v execValue, found bool, err error) {
	raw := tx.Bucket(bucketExecs).Get([]byte(container + "/" + id))
	if raw == nil {
		return v, false, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, false, err
	}
	return v, true, v.checkVersion()
}

func putExec(tx *bbolt.Tx, container, id string, v execValue) error {
	return put(tx.Bucket(bucketExecs), container+"/"+id, v)
}

// RemoveExec forgets one exec.
func (s *Store) RemoveExec(container, id string) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketExecs).Delete([]byte(container + "/" + id))
	})
	if err != nil {
		return fmt.Errorf("forget exec %s of container %s: %w", id, container, err)
	}
	return nil
}

// HasExec reports whether an exec is recorded.
func (s *Store) HasExec(container, id string) (found bool, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		found = tx.Bucket(bucketExecs).Get([]byte(container+"/"+id)) != nil
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look up exec %s of container %s: %w", id, container, err)
	}
	return found, nil
}

// DropExecs forgets every exec of a container.
func DropExecs(container string) Change {
	return func(tx *bbolt.Tx) error { return removeExecs(tx, container) }
}

// LoadExecs returns the execs of a container, ordered by id.
func (s *Store) LoadExecs(container string) (all []Exec, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		all, err = execs(tx, container)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load execs of container %s: %w", container, err)
	}
	return all, nil
}

func execs(tx *bbolt.Tx, container string) ([]Exec, error) {
	var all []Exec
	prefix := []byte(container + "/")
	c := tx.Bucket(bucketExecs).Cursor()
	for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		var v execValue
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		if err := v.checkVersion(); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		all = append(all, Exec{ID: string(k[len(prefix):]), Command: v.Command, TTY: v.TTY, Stdin: v.Stdin, StartedAt: v.StartedAt, Told: v.Told})
	}
	return all, nil
}

// EachExec makes a change for each exec of a container that has come to step and
// no further.
func EachExec(container string, step ExecStep, change func(id string) Change) Change {
	return func(tx *bbolt.Tx) error {
		all, err := execs(tx, container)
		if err != nil {
			return err
		}
		for _, e := range all {
			if e.Told != step {
				continue
			}
			if err := change(e.ID)(tx); err != nil {
				return err
			}
		}
		return nil
	}
}

func removeExecs(tx *bbolt.Tx, container string) error {
	prefix := []byte(container + "/")
	c := tx.Bucket(bucketExecs).Cursor()
	for k, _ := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, _ = c.Seek(prefix) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
