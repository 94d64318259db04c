// Package snapshot keeps what VMs have saved of themselves.
//
// On disk:
//
//	<dir>/<id>/snapshot.json   what it is, written before files
//	<dir>/<id>/files.tmp       files being taken over
//	<dir>/<id>/files           what the VMM wrote
//
// A directory without files is a snapshot that was never finished: it is
// removed when the store is opened. The time of snapshot.json's last change is
// when the snapshot was last used.
package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/durable"
	"github.com/cardplane/cardplane/vmm/host/internal/space"
)

// Step is called before each act that changes a snapshot, with the act's
// name. An error makes that act fail; tests inject faults so. Nil does nothing.
type Step func(op string) error

// Acts that a Step sees.
const (
	OpTake   = "snapshot.take"
	OpRecord = "snapshot.record"
	OpPlace  = "snapshot.place"
	OpRemove = "snapshot.remove"
)

// CodeNotFound is the code of errors about a snapshot that is not there.
const CodeNotFound = "snapshot_not_found"

// Saved is what a VM has left behind.
type Saved struct {
	// Dir holds the files. Nobody has them open any more.
	Dir string
	// Paths were the VM's.
	Paths   hostapi.VMPaths
	VMM     hostapi.VMMKind
	Version string
}

// Source finds what the VM of that id has saved.
type Source func(vmID string) (Saved, error)

// Store is a directory of snapshots. Its methods may be called concurrently.
type Store struct {
	dir  string
	step Step

	// mu is held while a snapshot is made or removed. Files are moved and not
	// copied.
	mu sync.Mutex
}

// record is snapshot.json.
type record struct {
	Spec      hostapi.SnapshotSpec `json:"spec"`
	Paths     hostapi.VMPaths      `json:"paths"`
	VMM       hostapi.VMMKind      `json:"vmm"`
	Version   string               `json:"version"`
	CreatedAt time.Time            `json:"createdAt"`
}

// Open opens the store in dir and removes snapshots that were never finished.
// step may be nil.
func Open(dir string, step Step) (*Store, error) {
	if step == nil {
		step = func(string) error { return nil }
	}
	s := &Store{dir: dir, step: step}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open snapshot store: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open snapshot store: %w", err)
	}
	for _, e := range entries {
		if _, err := os.Stat(s.files(e.Name())); err == nil {
			continue
		}
		if err := os.RemoveAll(s.path(e.Name())); err != nil {
			return nil, fmt.Errorf("open snapshot store: %w", err)
		}
	}
	return s, nil
}

// Put makes the snapshot id of what source finds. One that exists with the same
// specification is returned as it is. id must be a valid name. Errors:
// snapshot_exists, snapshot_missing, snapshot_invalid, disk_full and those of
// source.
func (s *Store) Put(id string, spec hostapi.SnapshotSpec, source Source) (hostapi.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.Get(id)
	switch {
	case err == nil && old.Spec == spec:
		return old, nil
	case err == nil:
		return hostapi.Snapshot{}, apierr.New(apierr.AlreadyExists, "snapshot_exists",
			"snapshot %q exists and is of VM %q; delete it or choose another id", id, old.Spec.Vm)
	case !apierr.Is(err, CodeNotFound):
		return hostapi.Snapshot{}, err
	}
	saved, err := source(spec.Vm)
	if err != nil {
		return hostapi.Snapshot{}, err
	}
	if err := s.take(id, spec, saved); err != nil {
		return hostapi.Snapshot{}, errors.Join(err, os.RemoveAll(s.path(id)))
	}
	return s.Get(id)
}

// take moves the files of a snapshot in.
func (s *Store) take(id string, spec hostapi.SnapshotSpec, saved Saved) error {
	if _, err := readConfig(filepath.Join(saved.Dir, configFile)); err != nil {
		return err
	}
	if err := s.step(OpTake); err != nil {
		return err
	}
	if err := os.Mkdir(s.path(id), 0o700); err != nil {
		return spaceError(fmt.Errorf("make snapshot: %w", err))
	}
	tmp := s.path(id, "files.tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return spaceError(fmt.Errorf("make snapshot: %w", err))
	}
	for _, name := range files {
		if err := takeFile(filepath.Join(saved.Dir, name), filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	if err := s.step(OpRecord); err != nil {
		return err
	}
	rec := record{Spec: spec, Paths: saved.Paths, VMM: saved.VMM, Version: saved.Version, CreatedAt: time.Now().UTC()}
	if err := durable.WriteJSON(s.path(id, recordFile), rec); err != nil {
		return spaceError(fmt.Errorf("record snapshot: %w", err))
	}
	if err := s.step(OpPlace); err != nil {
		return err
	}
	if err := os.Rename(tmp, s.files(id)); err != nil {
		return fmt.Errorf("place snapshot: %w", err)
	}
	return durable.SyncDir(s.path(id))
}

// takeFile moves a file that a VMM has written, frees what holds only zeros,
// makes it one that all may read who reach it and that nobody may write, and
// has it written out.
func takeFile(from, to string) error {
	info, err := os.Lstat(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ownFile(info) {
		return missing("the VM has saved no file %s; let its VMM take a snapshot into paths.save first", filepath.Base(from))
	}
	if err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	if err := errors.Join(os.Lchown(to, os.Geteuid(), os.Getegid()), os.Chmod(to, 0o600)); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	f, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := dig(f); err != nil {
		return spaceError(err)
	}
	if err := f.Chmod(0o444); err != nil {
		return fmt.Errorf("take snapshot: %w", err)
	}
	if err := f.Sync(); err != nil {
		return spaceError(fmt.Errorf("write snapshot: %w", err))
	}
	return nil
}

// ownFile reports whether a file is one that has no other name.
func ownFile(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && st.Nlink == 1
}

func missing(format string, args ...any) error {
	return apierr.New(apierr.FailedPrecondition, "snapshot_missing", format, args...)
}

// Get returns a snapshot. Errors: snapshot_not_found.
func (s *Store) Get(id string) (hostapi.Snapshot, error) {
	rec, err := s.record(id)
	if err != nil {
		return hostapi.Snapshot{}, err
	}
	used, err := os.Stat(s.path(id, recordFile))
	if err != nil {
		return hostapi.Snapshot{}, fmt.Errorf("stat snapshot: %w", err)
	}
	size, err := s.size(id)
	return hostapi.Snapshot{
		Id: id, Spec: rec.Spec, Vmm: rec.VMM, VmmVersion: rec.Version,
		CreatedAt: rec.CreatedAt, UsedAt: used.ModTime().UTC(), SizeBytes: size,
	}, err
}

// record reads what a finished snapshot is.
func (s *Store) record(id string) (record, error) {
	var rec record
	_, err := os.Stat(s.files(id))
	if err == nil {
		err = durable.ReadJSON(s.path(id, recordFile), &rec)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return rec, apierr.New(apierr.NotFound, CodeNotFound, "snapshot %q does not exist; start the VM without one", id)
	}
	if err != nil {
		return rec, fmt.Errorf("read snapshot: %w", err)
	}
	return rec, nil
}

// size returns what the files take on their filesystem, in bytes.
func (s *Store) size(id string) (int64, error) {
	var total int64
	for _, name := range files {
		info, err := os.Stat(filepath.Join(s.files(id), name))
		if err != nil {
			return 0, fmt.Errorf("stat snapshot: %w", err)
		}
		total += space.Allocated(info)
	}
	return total, nil
}

// List returns all snapshots, ordered by id.
func (s *Store) List() ([]hostapi.Snapshot, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	list := []hostapi.Snapshot{}
	for _, e := range entries {
		// One that is being made or removed now is not there.
		if snap, err := s.Get(e.Name()); err == nil {
			list = append(list, snap)
		}
	}
	slices.SortFunc(list, func(a, b hostapi.Snapshot) int { return cmp.Compare(a.Id, b.Id) })
	return list, nil
}

// Delete removes a snapshot. Removing what is not there succeeds. It becomes
// an unfinished one first, so that a crash leaves none that lacks a file.
func (s *Store) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.step(OpRemove); err != nil {
		return err
	}
	if err := os.Rename(s.files(id), s.path(id, "files.tmp")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	if err := os.RemoveAll(s.path(id)); err != nil {
		return fmt.Errorf("remove snapshot: %w", err)
	}
	return durable.SyncDir(s.dir)
}

func (s *Store) path(id string, name ...string) string {
	return filepath.Join(append([]string{s.dir, id}, name...)...)
}

func (s *Store) files(id string) string { return s.path(id, "files") }

const recordFile = "snapshot.json"

// spaceError makes a lack of space one that the card may see.
func spaceError(err error) error {
	if space.Lacking(err) {
		return apierr.New(apierr.ResourceExhausted, "disk_full",
			"the host's data directory is full; delete snapshots, blobs or disks that are not needed, then try again: %w", err)
	}
	return err
}
