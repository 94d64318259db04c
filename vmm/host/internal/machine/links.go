package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// A VM reaches its attachments through links of its own, in a directory that
// only its user may pass. The stores of blobs and disks stay closed to it. What
// is blank is there and nowhere else.

// links is the directory of the links of the VM with that key.
func (m *Manager) links(key string) string { return filepath.Join(m.cfg.AttachDir, key) }

// linkPaths returns where the links to attachments will be.
func (m *Manager) linkPaths(dir layout, attachments []hostapi.Attachment) map[string]string {
	paths := make(map[string]string, len(attachments))
	for _, a := range attachments {
		paths[a.Name] = filepath.Join(m.links(dir.key()), a.Name)
	}
	return paths
}

// link makes the VM's links, and makes the VM's user the owner of the disks
// that it writes to. Others it may read.
func (m *Manager) link(v *vm) error {
	rec := v.snapshot()
	dir := m.links(v.dir.key())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("link attachments: %w", err)
	}
	if rec.UID != 0 {
		// The group may pass and cannot list or write.
		if err := errors.Join(os.Lchown(dir, -1, rec.UID), os.Chmod(dir, 0o710)); err != nil {
			return fmt.Errorf("link attachments: %w", err)
		}
	}
	for _, a := range rec.Spec.Attachments {
		if err := place(a, v.sources[a.Name], rec.Attachments[a.Name]); err != nil {
			return fmt.Errorf("link attachment %s: %w", a.Name, err)
		}
		if err := giveDisk(a, rec.Attachments[a.Name], rec.UID); err != nil {
			return fmt.Errorf("give disk %s: %w", a.Name, err)
		}
	}
	return nil
}

// place makes the link at path to source, or the blank file that a is.
func place(a hostapi.Attachment, source, path string) error {
	if a.BlankBytes == nil {
		return os.Link(source, path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(*a.BlankBytes), f.Close())
}

// giveDisk lets uid use the disk at path as a says. A disk that is only read
// may be read by several users; each has a link of its own to it.
func giveDisk(a hostapi.Attachment, path string, uid int) error {
	switch {
	case a.Blob != nil || uid == 0:
		return nil // a blob may be read by all who reach it
	case a.Readonly:
		return errors.Join(os.Lchown(path, os.Geteuid(), os.Getegid()), os.Chmod(path, 0o444))
	default:
		return errors.Join(os.Lchown(path, uid, uid), os.Chmod(path, 0o600))
	}
}

// unlink removes the links of the VM with that key.
func (m *Manager) unlink(key string) error {
	if err := os.RemoveAll(m.links(key)); err != nil {
		return fmt.Errorf("unlink attachments: %w", err)
	}
	return nil
}

// sweepLinks removes the links of VMs that are no more.
func (m *Manager) sweepLinks() error {
	entries, err := os.ReadDir(m.cfg.AttachDir)
	if err != nil {
		return fmt.Errorf("sweep links: %w", err)
	}
	known := map[string]bool{}
	for _, v := range m.all() {
		known[v.dir.key()] = true
	}
	for _, e := range entries {
		if known[e.Name()] {
			continue
		}
		if err := m.unlink(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// takeUID returns a uid that no VM of this host has, for the VM of dir, which
// exists; 0 where VMMs run as the daemon's user. m.mu is held.
func (m *Manager) takeUID(dir layout) (int, error) {
	if m.cfg.UIDs.First == 0 {
		return 0, nil
	}
	taken := map[int]bool{}
	for _, v := range m.vms {
		taken[v.snapshot().UID] = true
	}
	uid, err := m.cfg.Claims.Take(m.cfg.UIDs, string(dir), taken)
	if err == nil && uid == 0 {
		err = apierr.New(apierr.ResourceExhausted, "vm_uids_exhausted",
			"all uids of %s are taken by VMs; delete VMs that are not needed, or give vmmd a larger --vm-uids", m.cfg.UIDs)
	}
	return uid, err
}
