package store

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"
)

// Exec is what must survive a crash about an exec. Whether it still runs, the
// guest knows.
type Exec struct {
	ID         string
	Command    []string
	TTY, Stdin bool
}

type execValue struct {
	versioned
	Command []string `json:"command"`
	TTY     bool     `json:"tty,omitempty"`
	Stdin   bool     `json:"stdin,omitempty"`
}

// SaveExec records an exec of a running container.
func (s *Store) SaveExec(container string, e Exec) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		return put(tx.Bucket(bucketExecs), container+"/"+e.ID,
			execValue{versioned{version}, e.Command, e.TTY, e.Stdin})
	})
	if err != nil {
		return fmt.Errorf("save exec %s of container %s: %w", e.ID, container, err)
	}
	return nil
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

// DropExecs forgets every exec of a container.
func DropExecs(container string) Change {
	return func(tx *bbolt.Tx) error { return removeExecs(tx, container) }
}

// LoadExecs returns the execs of a container, ordered by id.
func (s *Store) LoadExecs(container string) ([]Exec, error) {
	var all []Exec
	prefix := []byte(container + "/")
	err := s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketExecs).Cursor()
		for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
			var v execValue
			if err := json.Unmarshal(raw, &v); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			if err := v.checkVersion(); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
			all = append(all, Exec{ID: string(k[len(prefix):]), Command: v.Command, TTY: v.TTY, Stdin: v.Stdin})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load execs of container %s: %w", container, err)
	}
	return all, nil
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
