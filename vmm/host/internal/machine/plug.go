package machine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/cardplane/cardplane/openapi/hostapi"
)

// A VM that runs can be given further files, and disks can be taken from it. Links
// are in its directory, where its VMM was let in at its start. The record has a file
// before the link is made and until it is gone, so that nothing removes what a VMM
// may open.

// maxPlugged bounds the attachments of a VM, those of its start included.
const maxPlugged = 64

// all returns what the VM refers to.
func (r record) all() []hostapi.Attachment {
	own := slices.DeleteFunc(slices.Clone(r.Spec.Attachments), func(a hostapi.Attachment) bool {
		return slices.Contains(r.Unplugged, a.Name)
	})
	return append(own, r.Plugged...)
}

// Plug gives the VM id a further file and returns the VM. One that it has
// already is linked again. a must have been validated. Errors: vm_not_found,
// vm_exited, vm_deleted, attachment_exists, disk_attached, invalid_attachment
// and those of Resolve.
func (m *Manager) Plug(ctx context.Context, id string, a hostapi.Attachment) (hostapi.VM, error) {
	v, err := m.find(id)
	if err != nil {
		return hostapi.VM{}, err
	}
	select {
	case <-v.started:
	case <-ctx.Done():
		return hostapi.VM{}, ctx.Err()
	}
	v.erasing.Lock()
	defer v.erasing.Unlock()
	source, err := m.claimPlug(v, a)
	if err != nil {
		return hostapi.VM{}, err
	}
	if err := m.cfg.Step(OpPlug); err != nil {
		return hostapi.VM{}, err
	}
	rec := v.snapshot()
	if err := os.Link(source, rec.Attachments[a.Name]); err != nil && !errors.Is(err, fs.ErrExist) {
		return hostapi.VM{}, fmt.Errorf("link attachment %s: %w", a.Name, err)
	}
	if err := giveDisk(a, rec.Attachments[a.Name], rec.UID); err != nil {
		return hostapi.VM{}, fmt.Errorf("give disk %s: %w", a.Name, err)
	}
	return m.view(v), nil
}

// claimPlug records that the VM refers to a, whose file it returns.
func (m *Manager) claimPlug(v *vm, a hostapi.Attachment) (source string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, err := checkPlug(v, a)
	if err != nil {
		return "", err
	}
	sources, err := m.cfg.Resolve([]hostapi.Attachment{a})
	if err != nil || known {
		return sources[a.Name], err
	}
	if err := m.checkWriters([]hostapi.Attachment{a}); err != nil {
		return "", err
	}
	if err := m.cfg.Step(OpRecordPlug); err != nil {
		return "", err
	}
	return sources[a.Name], v.update(func(r *record) {
		r.Plugged = append(slices.Clip(r.Plugged), a)
		r.Attachments = maps.Clone(r.Attachments)
		r.Attachments[a.Name] = filepath.Join(m.links(v.dir.key()), a.Name)
	})
}

// checkPlug refuses what the VM cannot be given. known tells that it has it.
func checkPlug(v *vm, a hostapi.Attachment) (known bool, err error) {
	rec := v.snapshot()
	switch {
	case isClosed(v.gone):
		return false, notFound(rec.ID)
	case v.isDeleting():
		return false, deletedError(rec.ID)
	case rec.Exit != nil:
		return false, apierr.New(apierr.FailedPrecondition, "vm_exited",
			"VM %q has exited and can be given nothing; delete it and make another", rec.ID)
	}
	all := rec.all()
	i := slices.IndexFunc(all, named(a.Name))
	switch {
	case i >= 0 && reflect.DeepEqual(all[i], a):
		return true, nil
	case i >= 0:
		return false, apierr.New(apierr.AlreadyExists, "attachment_exists",
			"VM %q has another attachment %q; take that away or choose another name", rec.ID, a.Name)
	case len(all) >= maxPlugged:
		return false, apierr.New(apierr.InvalidArgument, "invalid_attachment",
			"VM %q has %d attachments, which is the most; take one away first", rec.ID, maxPlugged)
	}
	return false, nil
}

// Unplug takes away what Plug has given the VM id, or a disk that it was started
// with. What is not there is taken away. Errors: attachment_in_use.
func (m *Manager) Unplug(id, name string) error {
	v, err := m.find(id)
	if err != nil {
		return nil
	}
	v.erasing.Lock()
	defer v.erasing.Unlock()
	rec := v.snapshot()
	all := rec.all()
	i := slices.IndexFunc(all, named(name))
	given := slices.ContainsFunc(rec.Plugged, named(name))
	switch {
	case isClosed(v.gone), i < 0:
		return nil
	case !given && all[i].Disk == nil:
		return apierr.New(apierr.FailedPrecondition, "attachment_in_use",
			"VM %q was started with the attachment %q and keeps it; delete the VM to free it", id, name)
	}
	if err := m.cfg.Step(OpUnplug); err != nil {
		return err
	}
	if err := os.Remove(rec.Attachments[name]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unlink attachment %s: %w", name, err)
	}
	if err := m.cfg.Step(OpRecordUnplug); err != nil {
		return err
	}
	return v.update(func(r *record) {
		if given {
			r.Plugged = slices.DeleteFunc(slices.Clone(r.Plugged), named(name))
		} else {
			r.Unplugged = append(slices.Clip(r.Unplugged), name)
		}
		r.Attachments = maps.Clone(r.Attachments)
		delete(r.Attachments, name)
	})
}

// named returns what finds an attachment by its name.
func named(name string) func(hostapi.Attachment) bool {
	return func(a hostapi.Attachment) bool { return a.Name == name }
}
