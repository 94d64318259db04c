package store

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// contentValue is a config or a secret as it is stored, by its kind and name.
type contentValue struct {
	versioned
	Content cardplane.Content `json:"content"`
	Data    []byte            `json:"data"`
}

// CreateContent records content with its data, and further changes in the same
// transaction. Errors: config_exists, secret_exists.
func (s *Store) CreateContent(c cardplane.Content, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketContents).Get(contentKey(c.Kind, c.Name)) != nil {
			return apierr.New(apierr.AlreadyExists, string(c.Kind)+"_exists",
				"the %s %q exists; update it, remove it, or choose another name", c.Kind, c.Name).At("/name")
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return putContent(tx, c)
	})
	return wrapContent(err, "create", c.Kind, c.Name)
}

// LoadContents returns all content of a kind without its data, ordered by name.
func (s *Store) LoadContents(kind cardplane.ContentKind) ([]cardplane.Content, error) {
	var all []cardplane.Content
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketContents).ForEach(func(key, raw []byte) error {
			v, err := decodeContent(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if v.Content.Kind == kind {
				all = append(all, v.Content)
			}
			return nil
		})
	})
	return all, wrapContent(err, "load", kind, "")
}

// Content returns content with its data. Errors: config_not_found,
// secret_not_found.
func (s *Store) Content(kind cardplane.ContentKind, name string) (c cardplane.Content, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket(bucketContents).Get(contentKey(kind, name))
		if raw == nil {
			return ContentNotFound(kind, name)
		}
		v, err := decodeContent(raw)
		c = v.Content
		c.Data = v.Data
		return err
	})
	return c, wrapContent(err, "read", kind, name)
}

// UpdateContent replaces content and its data, with further changes in the same
// transaction.
func (s *Store) UpdateContent(c cardplane.Content, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		return putContent(tx, c)
	})
	return wrapContent(err, "update", c.Kind, c.Name)
}

// RemoveContent forgets content, with further changes in the same transaction.
func (s *Store) RemoveContent(c cardplane.Content, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := apply(tx, changes); err != nil {
			return err
		}
		return tx.Bucket(bucketContents).Delete(contentKey(c.Kind, c.Name))
	})
	return wrapContent(err, "remove", c.Kind, c.Name)
}

// ContentNotFound is the error about content that does not exist.
func ContentNotFound(kind cardplane.ContentKind, ref string) *apierr.Error {
	return apierr.New(apierr.NotFound, string(kind)+"_not_found",
		"there is no %s %q; `cardctl %s ls` lists all, `cardctl %s create` makes one", kind, ref, kind, kind)
}

func putContent(tx *bbolt.Tx, c cardplane.Content) error {
	return put(tx.Bucket(bucketContents), string(contentKey(c.Kind, c.Name)), contentValue{versioned{version}, c, c.Data})
}

func decodeContent(raw []byte) (contentValue, error) {
	var v contentValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, err
	}
	return v, v.checkVersion()
}

func contentKey(kind cardplane.ContentKind, name string) []byte {
	return []byte(string(kind) + "/" + name)
}

func wrapContent(err error, action string, kind cardplane.ContentKind, name string) error {
	if err == nil || apierr.ClassOf(err) != apierr.Internal {
		return err
	}
	return fmt.Errorf("%s %s %s: %w", action, kind, name, err)
}
