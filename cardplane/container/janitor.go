package container

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane/guestclient"
	"github.com/cardplane/cardplane/cardplane/logs"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// ownerGuest owns the blobs that every guest boots from.
const ownerGuest = "guest"

// wakeJanitor makes the janitor look again soon.
func (s *Service) wakeJanitor() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// janitor removes from the host what nothing needs any more: at the start,
// and whenever something was left behind, until that has succeeded.
func (s *Service) janitor(ctx context.Context) {
	s.removeOrphanJournals()
	for retry := guestclient.NewBackoff(); ; {
		err := s.reconcile(ctx)
		if err == nil {
			retry.Reset()
			select {
			case <-ctx.Done():
				return
			case <-s.kick:
				continue
			}
		}
		if ctx.Err() == nil {
			s.log.WithError(err).Debug("the compute host is not clean yet")
		}
		if retry.Wait(ctx) != nil {
			return
		}
	}
}

// reconcile compares the host and the ledger with what is wanted.
func (s *Service) reconcile(ctx context.Context) error {
	candidates, err := s.onHost(ctx)
	if err != nil {
		return err
	}
	claimed, err := s.cfg.Store.Ledger()
	if err != nil {
		return err
	}
	var failed error
	seen := make(map[string]bool)
	all := append(claimed, candidates...)
	// A network goes once the machines on it have gone.
	slices.SortStableFunc(all, func(a, b store.Resource) int { return cmp.Compare(last(a), last(b)) })
	for _, r := range all {
		key := string(r.Kind) + "/" + r.ID
		if seen[key] {
			continue
		}
		seen[key] = true
		wanted, err := s.wanted(ctx, r)
		if err == nil && !wanted {
			err = s.clean(ctx, r)
		}
		if err != nil && !apierr.Is(err, "blob_in_use") {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func last(r store.Resource) int {
	if r.Kind == store.Network {
		return 1
	}
	return 0
}

// onHost lists the machines, disks and snapshots on the host whose ids say that
// they are of this store.
func (s *Service) onHost(ctx context.Context) ([]store.Resource, error) {
	host, prefix := s.cfg.Sandboxes.Host(), s.cfg.Store.ID()+"-"
	vms, err := host.VMs(ctx)
	if err != nil {
		return nil, err
	}
	disks, err := host.Disks(ctx)
	if err != nil {
		return nil, err
	}
	templates, err := s.cfg.Sandboxes.Templates(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.networksOnHost(ctx, prefix)
	if err != nil {
		return nil, err
	}
	for _, t := range templates {
		list = append(list, store.Resource{Kind: store.Snapshot, ID: t.Id, Owner: ownerTemplate})
	}
	for _, vm := range vms {
		if strings.HasPrefix(vm.Id, prefix) {
			list = append(list, store.Resource{Kind: store.VM, ID: vm.Id, Owner: ownerOf(vm.Spec.Labels)})
		}
	}
	for _, disk := range disks {
		if owner, ours := strings.CutPrefix(disk.Id, prefix); ours {
			list = append(list, store.Resource{Kind: store.Disk, ID: disk.Id, Owner: owner})
		}
	}
	return list, nil
}

// networksOnHost lists the published ports and the networks, of which the former
// are to go first.
func (s *Service) networksOnHost(ctx context.Context, prefix string) ([]store.Resource, error) {
	host := s.cfg.Sandboxes.Host()
	forwards, err := host.Forwards(ctx)
	if err != nil {
		return nil, err
	}
	networks, err := host.Networks(ctx)
	if err != nil {
		return nil, err
	}
	var list []store.Resource
	for _, f := range forwards {
		if strings.HasPrefix(f.Id, prefix) {
			list = append(list, store.Resource{Kind: store.Forward, ID: f.Id})
		}
	}
	for _, n := range networks.Networks {
		if owner, ours := strings.CutPrefix(n.Id, prefix); ours {
			list = append(list, store.Resource{Kind: store.Network, ID: n.Id, Owner: owner})
		}
	}
	return list, nil
}

// wanted reports whether something still needs r.
func (s *Service) wanted(ctx context.Context, r store.Resource) (bool, error) {
	switch r.Kind {
	case store.Blob:
		return s.blobWanted(ctx, r)
	case store.Network:
		return s.networkWanted(r)
	case store.Forward:
		return s.forwardWanted(r), nil
	}
	if s.templates.isMaking(r.ID) || s.porters.has(r.ID) {
		return true, nil
	}
	if r.Kind == store.Snapshot {
		return s.cfg.Sandboxes.TemplateCurrent(r.ID), nil
	}
	if id, ok := strings.CutPrefix(r.Owner, ownerVolume); ok {
		return s.volumeWanted(ctx, id)
	}
	if strings.HasPrefix(r.Owner, store.OwnerSandbox) {
		return s.machineWanted(r.ID), nil
	}
	e := s.entry(r.Owner)
	if e == nil {
		return false, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Kind == store.VM {
		return e.rec.Container.State.Active() && e.rec.Container.SandboxID == r.ID, nil
	}
	return !e.removed && (e.rec.Container.State.Active() || e.rec.Run.DiskUsed), nil
}

func (s *Service) volumeWanted(ctx context.Context, id string) (bool, error) {
	if s.volumes.Planned(id) {
		return true, nil
	}
	_, err := s.volumes.Get(ctx, id)
	if apierr.ClassOf(err) == apierr.NotFound {
		return false, nil
	}
	return true, err
}

func (s *Service) blobWanted(ctx context.Context, r store.Resource) (bool, error) {
	if r.Owner == ownerGuest {
		return s.cfg.Sandboxes.Boots(r.ID), nil
	}
	_, err := s.cfg.Images.Get(ctx, r.Owner)
	if apierr.ClassOf(err) == apierr.NotFound {
		return false, nil
	}
	return true, err
}

// clean deletes r from the host and then from the ledger.
func (s *Service) clean(ctx context.Context, r store.Resource) error {
	if r.Kind == store.Network {
		return s.cleanNetwork(ctx, r)
	}
	if err := s.destroy(ctx, r); err != nil {
		return err
	}
	s.log.WithField("kind", r.Kind).WithField("id", r.ID).Debug("removed from the compute host")
	if id, shared := strings.CutPrefix(r.Owner, store.OwnerSandbox); shared && r.Kind == store.VM {
		return s.cleanMachine(r, id)
	}
	changes := []store.Change{store.Release(r)}
	if r.Kind == store.VM && s.lastMachine(r) {
		changes = append(changes, store.EndLeases(r.Owner, false), store.EndAddresses(r.Owner))
	}
	return s.cfg.Store.Update(changes...)
}

// lastMachine reports whether the owner of a machine has made no later one,
// which would use the owner's volumes now.
func (s *Service) lastMachine(vm store.Resource) bool {
	e := s.entry(vm.Owner)
	return e == nil || e.record().Container.SandboxID == vm.ID
}

// entry returns the entry of a container, nil if there is none.
func (s *Service) entry(id string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[id]
}

// destroy deletes r from the host.
func (s *Service) destroy(ctx context.Context, r store.Resource) error {
	var err error
	switch host := s.cfg.Sandboxes.Host(); r.Kind {
	case store.VM:
		err = s.cfg.Sandboxes.Destroy(ctx, r.ID)
	case store.Disk:
		err = host.DeleteDisk(ctx, r.ID)
	case store.Blob:
		err = host.DeleteBlob(ctx, r.ID)
	case store.Snapshot:
		err = host.DeleteSnapshot(ctx, r.ID)
	case store.Network:
		err = host.DeleteNetwork(ctx, r.ID)
	case store.Forward:
		err = host.DeleteForward(ctx, r.ID)
	}
	if err != nil {
		return fmt.Errorf("remove %s %s from the compute host: %w", r.Kind, r.ID, err)
	}
	return nil
}

// destroyStale deletes machines of an owner but the present one that could not
// be deleted at their end, so that the disks are free.
func (s *Service) destroyStale(ctx context.Context, owner, present string) error {
	claimed, err := s.cfg.Store.Ledger()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, destroyTimeout)
	defer cancel()
	for _, res := range claimed {
		if res.Kind != store.VM || res.Owner != owner || res.ID == present {
			continue
		}
		if err := s.clean(ctx, res); err != nil {
			return err
		}
	}
	return nil
}

// claimBlob records that the host may have a copy of the image's block file,
// and of what every guest boots from.
func (s *Service) claimBlob(digest, image string) error {
	known, err := s.cfg.Store.Claimed(store.Blob, digest)
	if err != nil || known {
		return err
	}
	claim := store.Claim(store.Resource{Kind: store.Blob, ID: digest, Owner: image})
	return s.cfg.Store.Update(append(s.claimBoot(), claim)...)
}

// claimBoot returns what records that the host may have what every guest boots
// from.
func (s *Service) claimBoot() []store.Change {
	var claims []store.Change
	for _, d := range s.cfg.Sandboxes.BootDigests() {
		claims = append(claims, store.Claim(store.Resource{Kind: store.Blob, ID: d, Owner: ownerGuest}))
	}
	return claims
}

// removeOrphanJournals deletes journals of containers that were removed when
// the process died.
func (s *Service) removeOrphanJournals() {
	dirs, err := os.ReadDir(s.cfg.LogDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.WithError(err).Error("the journals could not be listed")
	}
	for _, dir := range dirs {
		s.mu.Lock()
		known := s.entries[dir.Name()] != nil
		s.mu.Unlock()
		if known {
			continue
		}
		if err := logs.Remove(s.journalDir(dir.Name())); err != nil {
			s.log.WithError(err).WithField("container", dir.Name()).Error("a journal was not removed")
		}
	}
}
