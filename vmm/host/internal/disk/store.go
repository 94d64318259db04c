// Package disk keeps writable, sparse raw disks.
//
// On disk:
//
//	<dir>/<id>/disk.json   what was asked for, written before the contents
//	<dir>/<id>/raw.tmp     contents being made
//	<dir>/<id>/raw         the disk
//
// A directory without raw is a disk that was never finished: it is removed
// when the store is opened. A disk that is being removed loses disk.json last.
package disk

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// Bounds of a disk's size in bytes, as the document says.
const (
	MinSize  = 4096
	MaxSize  = 16 << 40
	SizeUnit = 4096
)

// Step is called before each act that changes the disk, with the act's name.
// An error makes that act fail; tests inject faults so. Nil does nothing.
type Step func(op string) error

// Acts that a Step sees.
const (
	OpRecord = "disk.record"
	OpFill   = "disk.fill"
	OpPlace  = "disk.place"
	OpGrow   = "disk.grow"
	OpRemove = "disk.remove"
)

// Source finds a complete blob: its path on this host and its size in bytes.
type Source func(digest string) (path string, size int64, err error)

// Store is a directory of disks. Its methods may be called concurrently.
type Store struct {
	dir  string
	blob Source
	step Step

	mu sync.Mutex
	// busy has the disks that are being made or removed now; its channels
	// are closed when that is over.
	busy map[string]chan struct{}
	// lent counts the copies that are made of disks now.
	lent map[string]int
}

// record is disk.json.
type record struct {
	Spec      hostapi.DiskSpec `json:"spec"`
	CreatedAt time.Time        `json:"createdAt"`
}

// Open opens the store in dir and removes disks that were never finished.
// step may be nil.
func Open(dir string, blob Source, step Step) (*Store, error) {
	if step == nil {
		step = func(string) error { return nil }
	}
	s := &Store{dir: dir, blob: blob, step: step, busy: map[string]chan struct{}{}, lent: map[string]int{}}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open disk store: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open disk store: %w", err)
	}
	for _, e := range entries {
		if _, err := os.Stat(s.raw(e.Name())); err == nil {
			continue
		}
		if err := s.remove(e.Name()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Put makes a disk. One that exists with the same specification is returned
// as it is, and one that is smaller is made larger, its contents kept. id must
// be a valid name, and a disk to copy one that Lend has lent. Errors:
// invalid_disk_size, invalid_disk_origin, disk_exists, disk_too_small,
// disk_not_found, disk_full and those of the blob source.
func (s *Store) Put(id string, spec hostapi.DiskSpec) (hostapi.Disk, error) {
	if err := cmp.Or(checkSize(spec.SizeBytes), checkOrigin(spec)); err != nil {
		return hostapi.Disk{}, err
	}
	defer s.acquire(id)()
	old, err := s.Get(id)
	switch {
	case err == nil && !sameOrigin(old.Spec, spec):
		return hostapi.Disk{}, apierr.New(apierr.AlreadyExists, "disk_exists",
			"disk %q exists with another origin; delete it or choose another id", id)
	case err == nil:
		return s.grow(old, spec.SizeBytes)
	case !apierr.Is(err, codeNotFound):
		return hostapi.Disk{}, err
	}
	if err := s.make(id, spec); err != nil {
		return hostapi.Disk{}, errors.Join(err, s.remove(id))
	}
	return s.Get(id)
}

// make writes the intent, then the contents, then gives them their name.
func (s *Store) make(id string, spec hostapi.DiskSpec) error {
	if err := s.step(OpRecord); err != nil {
		return spaceError(err)
	}
	if err := os.Mkdir(s.path(id), 0o700); err != nil {
		return spaceError(fmt.Errorf("make disk: %w", err))
	}
	rec := record{Spec: spec, CreatedAt: time.Now().UTC()}
	if err := durable.WriteJSON(s.path(id, "disk.json"), rec); err != nil {
		return spaceError(fmt.Errorf("record disk: %w", err))
	}
	tmp := s.path(id, "raw.tmp")
	if err := s.fill(tmp, spec); err != nil {
		return spaceError(err)
	}
	if err := s.step(OpPlace); err != nil {
		return err
	}
	if err := os.Rename(tmp, s.raw(id)); err != nil {
		return fmt.Errorf("place disk: %w", err)
	}
	return durable.SyncDir(s.path(id))
}

// fill writes a disk's first contents to path.
func (s *Store) fill(path string, spec hostapi.DiskSpec) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := s.step(OpFill); err != nil {
		return err
	}
	if err := s.fillFrom(f, spec); err != nil {
		return err
	}
	if err := f.Truncate(spec.SizeBytes); err != nil {
		return fmt.Errorf("size disk: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write disk: %w", err)
	}
	return nil
}

// grow makes a disk as large as size, in bytes. It is recorded last, so that a
// crash leaves one to grow again and never one smaller than it says.
func (s *Store) grow(d hostapi.Disk, size int64) (hostapi.Disk, error) {
	switch {
	case size == d.Spec.SizeBytes:
		return d, nil
	case size < d.Spec.SizeBytes:
		return hostapi.Disk{}, apierr.New(apierr.AlreadyExists, "disk_exists",
			"disk %q exists with %d bytes and a disk does not shrink; ask for at least as many, or delete it", d.Id, d.Spec.SizeBytes).At("/sizeBytes")
	}
	if err := s.step(OpGrow); err != nil {
		return hostapi.Disk{}, spaceError(err)
	}
	if err := extend(s.raw(d.Id), size); err != nil {
		return hostapi.Disk{}, spaceError(err)
	}
	if err := s.step(OpRecord); err != nil {
		return hostapi.Disk{}, spaceError(err)
	}
	d.Spec.SizeBytes = size
	if err := durable.WriteJSON(s.path(d.Id, "disk.json"), record{Spec: d.Spec, CreatedAt: d.CreatedAt}); err != nil {
		return hostapi.Disk{}, spaceError(fmt.Errorf("record disk: %w", err))
	}
	return s.Get(d.Id)
}

// extend makes a file as long as size, unless it is longer already.
func extend(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("grow disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("grow disk: %w", err)
	}
	return f.Sync()
}

// Get returns a disk. Errors: disk_not_found.
func (s *Store) Get(id string) (hostapi.Disk, error) {
	info, err := os.Stat(s.raw(id))
	if errors.Is(err, fs.ErrNotExist) {
		return hostapi.Disk{}, apierr.New(apierr.NotFound, codeNotFound, "disk %q does not exist; make it first", id)
	}
	if err != nil {
		return hostapi.Disk{}, fmt.Errorf("stat disk: %w", err)
	}
	var rec record
	if err := durable.ReadJSON(s.path(id, "disk.json"), &rec); err != nil {
		return hostapi.Disk{}, fmt.Errorf("read disk: %w", err)
	}
	return hostapi.Disk{Id: id, Spec: rec.Spec, CreatedAt: rec.CreatedAt, AllocatedBytes: space.Allocated(info)}, nil
}

// Path returns where the disk is on this host. Errors: disk_not_found.
func (s *Store) Path(id string) (string, error) {
	if _, err := s.Get(id); err != nil {
		return "", err
	}
	return s.raw(id), nil
}

// List returns all disks, ordered by id.
func (s *Store) List() ([]hostapi.Disk, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	disks := []hostapi.Disk{}
	for _, e := range entries {
		// One that is being made or removed now is not there.
		if d, err := s.Get(e.Name()); err == nil {
			disks = append(disks, d)
		}
	}
	slices.SortFunc(disks, func(a, b hostapi.Disk) int { return cmp.Compare(a.Id, b.Id) })
	return disks, nil
}

// Delete removes a disk. Removing what is not there succeeds.
func (s *Store) Delete(id string) error {
	defer s.acquire(id)()
	if err := s.step(OpRemove); err != nil {
		return err
	}
	if _, err := os.Lstat(s.path(id)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := s.remove(id); err != nil {
		return err
	}
	return durable.SyncDir(s.dir)
}

// acquire waits until this caller is the only one that changes the disk.
func (s *Store) acquire(id string) (release func()) {
	for {
		s.mu.Lock()
		other, taken := s.busy[id]
		if !taken {
			break
		}
		s.mu.Unlock()
		<-other
	}
	defer s.mu.Unlock()
	mine := make(chan struct{})
	s.busy[id] = mine
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.busy, id)
		close(mine)
	}
}

// remove takes the contents first, so that a crash leaves an unfinished disk
// for Open to remove and never contents without a record.
func (s *Store) remove(id string) error {
	for _, name := range []string{"raw", "raw.tmp", "disk.json.tmp", "disk.json", ""} {
		if err := os.Remove(s.path(id, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove disk: %w", err)
		}
	}
	return nil
}

func (s *Store) path(id string, name ...string) string {
	return filepath.Join(append([]string{s.dir, id}, name...)...)
}

func (s *Store) raw(id string) string { return s.path(id, "raw") }

const codeNotFound = "disk_not_found"

func checkSize(size int64) error {
	if size < MinSize || size > MaxSize || size%SizeUnit != 0 {
		return apierr.New(apierr.InvalidArgument, "invalid_disk_size",
			"sizeBytes %d is no disk size; give a multiple of %d from %d to %d", size, SizeUnit, MinSize, int64(MaxSize)).At("/sizeBytes")
	}
	return nil
}

// spaceError makes a lack of space one that the card may see.
func spaceError(err error) error {
	if space.Lacking(err) {
		return apierr.New(apierr.ResourceExhausted, "disk_full",
			"the host's data directory is full; delete blobs or disks that are not needed, then try again: %w", err)
	}
	if errors.Is(err, unix.EFBIG) {
		return apierr.New(apierr.InvalidArgument, "invalid_disk_size",
			"the host's filesystem cannot hold a file that large: %w", err).At("/sizeBytes")
	}
	return err
}
