package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
	"github.com/cardplane/cardplane/vmm/host/internal/snapshot"
)

// A VM's snapshots are beside its links, on the filesystem of the snapshot
// store, under names that no attachment has: one directory that the VMM
// fills, and one that it reads.

const codeMismatch = "snapshot_mismatch"

func (m *Manager) saveDir(dir layout, spec hostapi.VMSpec) string {
	if !spec.Savable {
		return ""
	}
	return filepath.Join(m.links(dir.key()), ".save")
}

func (m *Manager) restoreDir(dir layout, spec hostapi.VMSpec) string {
	if spec.Snapshot == nil {
		return ""
	}
	return filepath.Join(m.links(dir.key()), ".snapshot")
}

// borrow finds the snapshot that a VM of spec starts from, nil for none.
func (m *Manager) borrow(spec hostapi.VMSpec, program Program) (*snapshot.Loan, error) {
	if spec.Snapshot == nil {
		return nil, nil
	}
	loan, err := m.cfg.Lend(*spec.Snapshot)
	if err != nil {
		return nil, err
	}
	if kind, _ := loan.VMM(); kind != program.Kind {
		return nil, apierr.New(apierr.FailedPrecondition, codeMismatch,
			"snapshot %q was written by %s and the VM is to be run by %s; start it without the snapshot", *spec.Snapshot, kind, program.Kind).At("/snapshot")
	}
	return &loan, nil
}

// checkLoan refuses a VMM of another version than the snapshot's. A daemon
// that finishes another's start has no loan to check: the VMM will.
func (v *vm) checkLoan(version string) error {
	if v.loan == nil {
		return nil
	}
	if _, wrote := v.loan.VMM(); wrote != version {
		return apierr.New(apierr.FailedPrecondition, codeMismatch,
			"the snapshot was written by version %.40q of the VMM, which is now %.40q; start the VM without the snapshot", wrote, version).At("/snapshot")
	}
	return nil
}

// makeSnapshotDirs makes the directories that the spec wants. The VM's user
// may fill the one, and pass and read the other.
func (m *Manager) makeSnapshotDirs(v *vm) error {
	rec := v.snapshot()
	if rec.SaveDir != "" {
		if err := makeDirFor(rec.SaveDir, rec.UID, rec.UID, 0o700); err != nil {
			return err
		}
	}
	if rec.RestoreDir == "" {
		return nil
	}
	if err := makeDirFor(rec.RestoreDir, os.Geteuid(), rec.UID, 0o750); err != nil {
		return err
	}
	return v.loan.Fill(rec.RestoreDir, v.dir.paths(rec))
}

// makeDirFor makes a directory of that owner, where VMMs have users of their
// own, and mode.
func makeDirFor(path string, uid, gid int, mode os.FileMode) error {
	err := os.Mkdir(path, 0o700)
	if err == nil && gid != 0 {
		err = errors.Join(os.Lchown(path, uid, gid), os.Chmod(path, mode))
	}
	if err != nil {
		return fmt.Errorf("make directory of snapshots: %w", err)
	}
	return nil
}

// fillable lists the directories in which the VMM may make files.
func fillable(rec record) []string {
	if rec.SaveDir == "" {
		return nil
	}
	return []string{rec.SaveDir}
}

// Saved returns what the VM id has saved. Errors: vm_not_found, vm_running.
func (m *Manager) Saved(id string) (snapshot.Saved, error) {
	v, err := m.find(id)
	if err != nil {
		return snapshot.Saved{}, err
	}
	rec := v.snapshot()
	if rec.Exit == nil {
		return snapshot.Saved{}, apierr.New(apierr.FailedPrecondition, "vm_running",
			"VM %q has not exited, so it may still write to what it has saved; end its VMM first", id)
	}
	return snapshot.Saved{Dir: rec.SaveDir, Paths: v.dir.paths(rec), VMM: rec.Kind, Version: rec.Version}, nil
}
