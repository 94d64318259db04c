package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/ocispec"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	idBytes      = 16
	machineBytes = 8
	execBytes    = 8
	// nameTries bounds the search for a name that is free.
	nameTries = 16
)

// newID returns n random bytes in hex.
func newID(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(raw)
}

// Create implements [cardplane.ContainerService].
func (s *Service) Create(ctx context.Context, spec cardplane.ContainerSpec, key string) (cardplane.Container, error) {
	request := spec
	spec, err := s.complete(ctx, spec)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := s.checkName(spec.Name, key); err != nil {
		return cardplane.Container{}, err
	}
	image, err := s.cfg.Images.Get(ctx, spec.Image)
	if err != nil {
		return cardplane.Container{}, atImage(err)
	}
	rec := store.Record{Container: cardplane.Container{
		ID: newID(idBytes), Name: spec.Name, ImageID: image.ID,
		Spec: spec, State: cardplane.Created, CreatedAt: time.Now().UTC(),
	}}
	if err := s.checkRunnable(ctx, rec.Container, image); err != nil {
		return cardplane.Container{}, err
	}
	e, fresh, err := s.record(rec, request, key)
	if err != nil {
		return cardplane.Container{}, err
	}
	if fresh {
		return s.confirm(ctx, e)
	}
	return e.snapshot(), nil
}

// checkName finds a name that is taken before more is looked at. With a key
// the store has to decide, as the name may be this request's own.
func (s *Service) checkName(name, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner, taken := s.names[name]; taken && key == "" {
		return store.NameTaken(name, owner)
	}
	return nil
}

// atImage points an error about an image at the spec's field.
func atImage(err error) error {
	if e := apierr.From(err); e.Class == apierr.NotFound || e.Class == apierr.InvalidArgument {
		return e.At("/image")
	}
	return err
}

// checkRunnable finds at creation what would keep the program from starting.
func (s *Service) checkRunnable(ctx context.Context, c cardplane.Container, image cardplane.Image) error {
	user, err := s.cfg.Images.ResolveUser(ctx, image.ID, userOf(c.Spec, image))
	if err != nil {
		if e := apierr.From(err); e.Class != apierr.Internal {
			return e.At("/user")
		}
		return err
	}
	_, err = ocispec.Build(ocispec.Request{ID: c.ID, Spec: c.Spec, Image: image.Config, User: user})
	return err
}

func userOf(spec cardplane.ContainerSpec, image cardplane.Image) string {
	if spec.User != "" {
		return spec.User
	}
	return image.Config.User
}

// record stores a new container under a name that is free. fresh is false
// when key belongs to a container that exists.
func (s *Service) record(rec store.Record, request any, key string) (e *entry, fresh bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := rec.Container.Name == ""
	for try := 1; ; try++ {
		if made {
			rec.Container.Name = randomName()
		}
		id, err := s.cfg.Store.Create(rec, key, request)
		switch {
		case err == nil && id != rec.Container.ID:
			return s.entries[id], false, nil
		case err == nil:
			return s.addLocked(rec), true, nil
		case !made || !apierr.Is(err, "name_taken") || try == nameTries:
			return nil, false, err
		}
	}
}

// confirm makes sure that the image was not removed before the container that
// uses it was recorded, from when on it cannot be.
func (s *Service) confirm(ctx context.Context, e *entry) (cardplane.Container, error) {
	c := e.snapshot()
	if _, err := s.cfg.Images.Get(ctx, c.ImageID); apierr.ClassOf(err) == apierr.NotFound {
		if rerr := s.forget(e); rerr != nil {
			return cardplane.Container{}, rerr
		}
		return cardplane.Container{}, atImage(err)
	}
	s.publish(cardplane.ContainerCreated, c.ID, c.Name, map[string]string{"image": c.ImageID})
	return c, nil
}

// buildSpec returns the runtime specification of c.
func (s *Service) buildSpec(ctx context.Context, c cardplane.Container) (*specs.Spec, error) {
	image, err := s.cfg.Images.Get(ctx, c.ImageID)
	if err != nil {
		return nil, err
	}
	user, err := s.cfg.Images.ResolveUser(ctx, image.ID, userOf(c.Spec, image))
	if err != nil {
		return nil, err
	}
	return ocispec.Build(ocispec.Request{ID: c.ID, Spec: c.Spec, Image: image.Config, User: user})
}
