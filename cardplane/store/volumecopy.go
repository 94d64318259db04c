package store

import (
	"bytes"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
)

// OwnerCopy begins the owner of the lease on a volume that is being copied; the
// id of the volume that is made follows.
const OwnerCopy = "copy-"

// CreateCopy is CreateVolume for the copy of another volume. clean tells that
// the other's file system was unmounted by its last writer.
func (s *Store) CreateCopy(v cardplane.Volume, clean bool, changes ...Change) error {
	return s.createVolume(volumeValue{versioned: versioned{version}, Volume: v, Clean: clean}, changes)
}

// EndCopies ends the leases of copies, for a control plane that makes none.
func EndCopies(tx *bbolt.Tx) error {
	leases := tx.Bucket(bucketLeases)
	var ended [][]byte
	c := leases.Cursor()
	for k, _ := c.Seek([]byte(OwnerCopy)); bytes.HasPrefix(k, []byte(OwnerCopy)); k, _ = c.Next() {
		ended = append(ended, bytes.Clone(k))
	}
	for _, k := range ended {
		if err := leases.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
