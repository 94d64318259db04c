package container

import (
	"context"
	"io"

	"github.com/cardplane/cardplane/cardplane"
)

// Images returns images as users may see them: with a Remove that refuses
// what a container uses and takes the host's copy away as well, and with an
// event for every image that comes or goes.
//
// Images are files and no part of the store, so that no transaction can hold
// both: the event follows, and is lost if the control plane is killed in between.
func (s *Service) Images() cardplane.ImageService {
	return &images{ImageService: s.cfg.Images, svc: s}
}

type images struct {
	cardplane.ImageService
	svc *Service
}

// Load implements cardplane.ImageService.
func (i *images) Load(ctx context.Context, r io.Reader, opts cardplane.LoadOptions) ([]cardplane.Image, error) {
	list, err := i.ImageService.Load(ctx, r, opts)
	for _, image := range list {
		i.publish(cardplane.ImageLoaded, image.ID, image.Names)
	}
	return list, err
}

// Pull implements cardplane.ImageService.
func (i *images) Pull(ctx context.Context, ref string, opts cardplane.PullOptions) (cardplane.Image, error) {
	image, err := i.ImageService.Pull(ctx, ref, opts)
	if err == nil {
		i.publish(cardplane.ImagePulled, image.ID, image.Names)
	}
	return image, err
}

// Remove implements cardplane.ImageService.
func (i *images) Remove(ctx context.Context, nameOrID string, opts cardplane.RemoveOptions) (cardplane.RemovedImage, error) {
	opts.InUse = i.svc.imageInUse
	removed, err := i.ImageService.Remove(ctx, nameOrID, opts)
	for _, id := range removed.Deleted {
		i.publish(cardplane.ImageRemoved, id, removed.Untagged)
		i.svc.wakeJanitor()
	}
	return removed, err
}

// Tag implements cardplane.ImageService.
func (i *images) Tag(ctx context.Context, nameOrID, name string) (cardplane.Image, error) {
	image, err := i.ImageService.Tag(ctx, nameOrID, name)
	if err == nil {
		i.publish(cardplane.ImageTagged, image.ID, []string{name})
	}
	return image, err
}

// Untag implements cardplane.ImageService.
func (i *images) Untag(ctx context.Context, nameOrID, name string) (cardplane.Image, error) {
	image, err := i.ImageService.Untag(ctx, nameOrID, name)
	if err == nil {
		i.publish(cardplane.ImageUntagged, image.ID, []string{name})
	}
	return image, err
}

// Prune implements cardplane.ImageService.
func (i *images) Prune(ctx context.Context, opts cardplane.ImagePruneOptions) (cardplane.Pruned, error) {
	opts.InUse = i.svc.imageInUse
	pruned, err := i.ImageService.Prune(ctx, opts)
	for _, id := range pruned.IDs {
		i.publish(cardplane.ImageRemoved, id, nil)
		i.svc.wakeJanitor()
	}
	return pruned, err
}

// publish records an event. One that cannot be recorded fails nothing.
func (i *images) publish(t cardplane.EventType, id string, names []string) {
	e := cardplane.Event{Type: t, Subject: id}
	if len(names) > 0 {
		e.Name = names[0]
	}
	if err := i.svc.cfg.Events.Publish(context.WithoutCancel(i.svc.ctx), e); err != nil {
		i.svc.log.WithError(err).WithField("subject", id).Error("an event was not recorded")
	}
}

// imageInUse reports whether a container was created from the image.
func (s *Service) imageInUse(_ context.Context, id string) (user string, inUse bool, err error) {
	for _, e := range s.all() {
		if c := e.snapshot(); c.ImageID == id {
			return "container " + c.Name, true, nil
		}
	}
	return "", false, nil
}
