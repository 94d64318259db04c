package store

import (
	"bytes"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// OwnerCopy begins the owner of the lease on a volume that is being copied; the
// id of the volume that is made follows.
const OwnerCopy = "copy-"

// OwnerArchive begins the owner of the machine that exports or imports a volume,
// and of its lease; an id of its own follows.
const OwnerArchive = "tar-"

// checkAtRest refuses to remove a volume that is copied, exported or imported.
func checkAtRest(tx *bbolt.Tx, name string) error {
	all, err := leases(tx, "")
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.volume != name || !strings.HasPrefix(l.owner, OwnerCopy) && !strings.HasPrefix(l.owner, OwnerArchive) {
			continue
		}
		user, err := leaseUser(tx, l)
		if err != nil {
			return err
		}
		return apierr.New(apierr.FailedPrecondition, "volume_in_use",
			"the volume %q is in use by %s; remove it when that has ended", name, user)
	}
	return nil
}

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
