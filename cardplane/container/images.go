package container

import (
	"context"
	"io"

	"github.com/cardplane/cardplane/cardplane"
)

// Images returns images as users may see them: with a Remove that refuses
// what a container uses and takes the host's copy away as well, and with an
// event for every image that comes or goes.
func (s *Service) Images() cardplane.ImageService {
	return &images{ImageService: s.cfg.Images, svc: s}
}

type images struct {
	cardplane.ImageService
	svc *Service
}

// Load implements cardplane.ImageService.
func (i *images) Load(ctx context.Context, r io.Reader) ([]cardplane.Image, error) {
	list, err := i.ImageService.Load(ctx, r)
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

func (i *images) publish(t cardplane.EventType, id string, names []string) {
	name := ""
	if len(names) > 0 {
		name = names[0]
	}
	i.svc.publish(t, id, name, nil)
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
