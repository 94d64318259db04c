package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

var (
	bucketMeta       = []byte("meta")
	bucketContainers = []byte("containers")
	bucketNames      = []byte("names")
	bucketAnswers    = []byte("answers")
	bucketLedger     = []byte("ledger")
	bucketExecs      = []byte("execs")
	bucketVolumes    = []byte("volumes")
	bucketLeases     = []byte("leases")
	bucketSandboxes  = []byte("sandboxes")
	bucketNetworks   = []byte("networks")
	bucketAddresses  = []byte("addresses")
	bucketContents   = []byte("contents")

	bucketAnswerTimes = []byte("answer times")

	keyID    = []byte("id")
	keyEpoch = []byte("epoch")
)

const (
	// version of every value that this build writes.
	version = 1
	// idBytes is the length of a store's id before it is written in hex.
	idBytes = 4
	// lockTimeout is how long Open waits for another process that holds the
	// file, such as a predecessor that is just ending.
	lockTimeout = 2 * time.Second
)

// Store is an open store. Its methods are safe for concurrent use.
type Store struct {
	db    *bbolt.DB
	id    string
	epoch int64
}

// Open opens the store in file path, makes it where there is none, and raises
// its epoch. It fails with data_dir_in_use while another process has it open.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, apierr.New(apierr.FailedPrecondition, "data_dir_in_use",
			"another cardplaned uses %s; stop it or choose another --data-dir: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	s := &Store{db: db}
	if err := db.Update(s.begin); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	return s, nil
}

// begin makes the buckets and the id, and takes the next epoch.
func (s *Store) begin(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketContainers, bucketNames, bucketAnswers, bucketAnswerTimes, bucketLedger, bucketExecs, bucketVolumes, bucketLeases, bucketSandboxes, bucketNetworks, bucketAddresses, bucketContents} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if meta.Get(keyID) == nil {
		raw := make([]byte, idBytes)
		if _, err := rand.Read(raw); err != nil {
			return err
		}
		if err := meta.Put(keyID, []byte(hex.EncodeToString(raw))); err != nil {
			return err
		}
	}
	s.id = string(meta.Get(keyID))
	if raw := meta.Get(keyEpoch); raw != nil {
		s.epoch = int64(binary.BigEndian.Uint64(raw))
	}
	s.epoch++
	return meta.Put(keyEpoch, binary.BigEndian.AppendUint64(nil, uint64(s.epoch)))
}

// Close closes the file. Calls after it fail.
func (s *Store) Close() error { return s.db.Close() }

// DB returns the database, for the journals that share the file.
func (s *Store) DB() *bbolt.DB { return s.db }

// ID returns eight hexadecimal digits, made once, with which the ids of all
// of this store's resources on the compute host begin.
func (s *Store) ID() string { return s.id }

// Epoch returns how often the store has been opened, this time included.
func (s *Store) Epoch() int64 { return s.epoch }

// versioned is what every stored value carries.
type versioned struct {
	V int `json:"v"`
}

// checkVersion refuses a value that a newer build wrote.
func (v versioned) checkVersion() error {
	if v.V != version {
		return fmt.Errorf("stored value has version %d, this build knows %d; run the newer build that wrote it", v.V, version)
	}
	return nil
}

// put writes v, which embeds versioned, under key.
func put(b *bbolt.Bucket, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), value)
}
