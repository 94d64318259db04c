package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// volumeValue is a volume as it is stored, by its name.
type volumeValue struct {
	versioned
	Volume cardplane.Volume `json:"volume"`
	// Clean tells that its file system was unmounted by its last writer.
	Clean bool `json:"clean,omitempty"`
}

// leaseValue is a machine's use of a volume, by the volume's name and the id of
// the container that the machine is for, or the owner of a sandbox's.
type leaseValue struct {
	versioned
	Write bool `json:"write"`
}

// lease is a leaseValue with its key.
type lease struct {
	owner, volume string
	write         bool
}

func (l lease) key() []byte { return []byte(l.owner + "/" + l.volume) }

// CreateVolume records a volume, with further changes in the same transaction.
// It fails with volume_exists where the name is taken.
func (s *Store) CreateVolume(v cardplane.Volume, changes ...Change) error {
	return s.createVolume(volumeValue{versioned: versioned{version}, Volume: v}, changes)
}

func (s *Store) createVolume(v volumeValue, changes []Change) error {
	name := v.Volume.Name
	err := s.db.Update(func(tx *bbolt.Tx) error {
		volumes := tx.Bucket(bucketVolumes)
		if volumes.Get([]byte(name)) != nil {
			return VolumeExists(name)
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return put(volumes, name, v)
	})
	return wrapVolume(err, "create", name)
}

// LoadVolumes returns all volumes, ordered by name.
func (s *Store) LoadVolumes() ([]cardplane.Volume, error) {
	var all []cardplane.Volume
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketVolumes).ForEach(func(name, raw []byte) error {
			v, err := decodeVolume(raw)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, v.Volume)
			return nil
		})
	})
	return all, wrapVolume(err, "load", "")
}

// volumeNamed returns a volume as it is stored. Errors: volume_not_found.
func volumeNamed(tx *bbolt.Tx, name string) (volumeValue, error) {
	raw := tx.Bucket(bucketVolumes).Get([]byte(name))
	if raw == nil {
		return volumeValue{}, VolumeNotFound(name)
	}
	return decodeVolume(raw)
}

func decodeVolume(raw []byte) (volumeValue, error) {
	var v volumeValue
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, err
	}
	return v, v.checkVersion()
}

// ResizeVolume records another size of a volume, in bytes, with further changes
// in the same transaction. Errors: volume_not_found.
func (s *Store) ResizeVolume(name string, size int64, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		v, err := volumeNamed(tx, name)
		if err != nil {
			return err
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		v.Volume.SizeBytes = size
		return put(tx.Bucket(bucketVolumes), name, v)
	})
	return wrapVolume(err, "resize", name)
}

// RemoveVolume forgets a volume, with further changes in the same transaction.
// Errors: volume_in_use while it is copied, exported or imported.
func (s *Store) RemoveVolume(name string, changes ...Change) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		if err := checkAtRest(tx, name); err != nil {
			return err
		}
		if err := apply(tx, changes); err != nil {
			return err
		}
		return tx.Bucket(bucketVolumes).Delete([]byte(name))
	})
	return wrapVolume(err, "remove", name)
}

// Lease lets the machines of an owner, a container's id or that of OwnerSandbox,
// use a volume from now on: as its only user where write is set, or beside
// other readers. A reader of a volume whose file system is not clean becomes a
// writer, and a writer remains one.
//
// Errors: volume_not_found, volume_in_use.
func Lease(name, owner string, write bool) Change {
	return func(tx *bbolt.Tx) error {
		v, err := volumeNamed(tx, name)
		if err != nil {
			return err
		}
		mine := lease{owner, name, write || !v.Clean && v.Volume.Format != cardplane.FormatRaw}
		if mine.write, err = stillWrites(tx, mine); err != nil {
			return err
		}
		if err := checkLeases(tx, mine); err != nil {
			return err
		}
		if err := put(tx.Bucket(bucketLeases), string(mine.key()), leaseValue{versioned{version}, mine.write}); err != nil || !mine.write {
			return err
		}
		v.Clean = false
		return put(tx.Bucket(bucketVolumes), name, v)
	}
}

// stillWrites reports whether a lease is to write, or is already.
func stillWrites(tx *bbolt.Tx, mine lease) (bool, error) {
	all, err := leases(tx, mine.owner)
	for _, l := range all {
		mine.write = mine.write || l.volume == mine.volume && l.write
	}
	return mine.write, err
}

// VolumeNotFound is the error about a volume that does not exist.
func VolumeNotFound(ref string) error {
	return apierr.New(apierr.NotFound, "volume_not_found",
		"there is no volume %q; `cardctl volume ls` lists all, `cardctl volume create` makes one", ref)
}

// VolumeExists is the error about a name that another volume has.
func VolumeExists(name string) error {
	return apierr.New(apierr.AlreadyExists, "volume_exists",
		"the volume %q exists; use it, remove it, or choose another name", name).At("/name")
}

// checkLeases refuses a lease beside one that it cannot stand beside.
func checkLeases(tx *bbolt.Tx, mine lease) error {
	all, err := leases(tx, "")
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.volume != mine.volume || other.owner == mine.owner || !mine.write && !other.write {
			continue
		}
		user, err := leaseUser(tx, other)
		if err != nil {
			return err
		}
		return apierr.New(apierr.FailedPrecondition, "volume_in_use",
			"the volume %q is in use by %s, and a volume has one machine that writes or only readers; stop that first, mount it read-only in both, or run both in one sandbox",
			mine.volume, user)
	}
	return nil
}

// leaseUser says for people whose lease l is.
func leaseUser(tx *bbolt.Tx, l lease) (string, error) {
	switch {
	case strings.HasPrefix(l.owner, OwnerCopy):
		return "a copy that is being made of it", nil
	case strings.HasPrefix(l.owner, OwnerArchive):
		return "an export or import", nil
	}
	id, shared := strings.CutPrefix(l.owner, OwnerSandbox)
	if raw := tx.Bucket(bucketSandboxes).Get([]byte(id)); shared && raw != nil {
		v, err := decodeSandbox(raw)
		return "sandbox " + v.Sandbox.Name, err
	}
	if raw := tx.Bucket(bucketContainers).Get([]byte(id)); raw != nil {
		rec, err := decodeRecord(raw)
		return "container " + rec.Container.Name, err
	}
	return "a machine that is not gone yet", nil
}

// leases returns the leases of an owner, or all if it is empty.
func leases(tx *bbolt.Tx, owner string) ([]lease, error) {
	var all []lease
	var prefix []byte
	if owner != "" {
		prefix = []byte(owner + "/")
	}
	c := tx.Bucket(bucketLeases).Cursor()
	for k, raw := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		var v leaseValue
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		if err := v.checkVersion(); err != nil {
			return nil, err
		}
		user, volume, _ := strings.Cut(string(k), "/")
		all = append(all, lease{user, volume, v.Write})
	}
	return all, nil
}

// Leases returns the names of the volumes that an owner's machines use now,
// each with whether they may write.
func (s *Store) Leases(owner string) (map[string]bool, error) {
	out := make(map[string]bool)
	err := s.db.View(func(tx *bbolt.Tx) error {
		all, err := leases(tx, owner)
		for _, l := range all {
			out[l.volume] = l.write
		}
		return err
	})
	return out, wrapVolume(err, "find", "of "+owner)
}

// EndLeases ends the owner's use of all volumes. unmounted tells that its
// machine left their file systems in order.
func EndLeases(owner string, unmounted bool) Change {
	return func(tx *bbolt.Tx) error {
		all, err := leases(tx, owner)
		if err != nil {
			return err
		}
		for _, l := range all {
			if err := endLease(tx, l, unmounted); err != nil {
				return err
			}
		}
		return nil
	}
}

// EndLease ends the owner's use of one volume, likewise.
func EndLease(owner, volume string, unmounted bool) Change {
	return func(tx *bbolt.Tx) error {
		all, err := leases(tx, owner)
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.volume == volume {
				return endLease(tx, l, unmounted)
			}
		}
		return nil
	}
}

func endLease(tx *bbolt.Tx, l lease, unmounted bool) error {
	if err := tx.Bucket(bucketLeases).Delete(l.key()); err != nil || !l.write || !unmounted {
		return err
	}
	v, err := decodeVolume(tx.Bucket(bucketVolumes).Get([]byte(l.volume)))
	if err != nil {
		return err
	}
	v.Clean = true
	return put(tx.Bucket(bucketVolumes), l.volume, v)
}

func wrapVolume(err error, action, name string) error {
	if err == nil || apierr.ClassOf(err) != apierr.Internal {
		return err
	}
	return fmt.Errorf("%s volume %s: %w", action, name, err)
}
