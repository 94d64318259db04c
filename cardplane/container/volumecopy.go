package container

import (
	"context"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Create implements cardplane.VolumeService.
func (v *volumes) Create(ctx context.Context, spec cardplane.VolumeSpec, key string) (cardplane.Volume, error) {
	lock := key
	if lock != "" {
		lock = ownerVolume + key // apart from those of containers
	}
	unlock, err := v.svc.keys.lock(ctx, lock)
	if err != nil {
		return cardplane.Volume{}, err
	}
	defer unlock()
	if spec.Source == "" {
		return v.Service.Create(ctx, spec, key)
	}
	if made, found, err := v.Answer(spec, key); err != nil || found {
		return made, err
	}
	ctx, end := v.svc.serving(ctx)
	defer end()
	return v.copy(ctx, spec, key)
}

// copy makes a volume that is a copy of another. The source is leased to it, so
// that nobody writes meanwhile, and the disk is in the ledger before it is made:
// what a control plane leaves that dies here goes with the next one's start.
func (v *volumes) copy(ctx context.Context, spec cardplane.VolumeSpec, key string) (cardplane.Volume, error) {
	source, err := v.Get(ctx, spec.Source)
	if err != nil {
		return cardplane.Volume{}, apierr.From(err).At("/source/volume")
	}
	made, release, err := v.Plan(spec, source)
	if err != nil {
		return cardplane.Volume{}, err
	}
	defer release()
	clean, err := v.svc.beginCopy(source, made)
	if err != nil {
		return cardplane.Volume{}, err
	}
	defer v.svc.endCopy(made)
	disk := v.svc.volumeDisk(made)
	var changes []store.Change
	err = v.svc.cfg.Sandboxes.CopyDisk(ctx, v.svc.volumeContent(made))
	if apierr.Is(err, "disk_not_found") { // the source was never used
		made.SourceID, clean = "", false
		changes, err = []store.Change{store.Release(disk)}, nil
	}
	if err == nil {
		err = v.Record(made, clean, spec, key, changes...)
	}
	if err != nil {
		v.svc.deleteDisk(disk)
		return cardplane.Volume{}, err
	}
	return made, nil
}

// beginCopy keeps the source from being written to, and claims the disk of its
// copy. clean tells that the source's file system is in order.
func (s *Service) beginCopy(source, made cardplane.Volume) (clean bool, err error) {
	owner := store.OwnerCopy + made.ID
	err = s.cfg.Store.Update(store.Lease(source.Name, owner, false), store.Claim(s.volumeDisk(made)))
	if err != nil {
		return false, apierr.From(err).At("/source/volume")
	}
	leases, err := s.cfg.Store.Leases(owner)
	return !leases[source.Name], err
}

// endCopy lets the source be written to again.
func (s *Service) endCopy(made cardplane.Volume) {
	if err := s.cfg.Store.Update(store.EndLeases(store.OwnerCopy+made.ID, false)); err != nil {
		s.log.WithError(err).WithField("volume", made.Name).Error("the source of a copy is in use until the control plane is started again")
	}
}
