package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
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
	if key == "" {
		return s.create(ctx, spec)
	}
	key = "container/" + key
	unlock, err := s.keys.lock(ctx, key)
	if err != nil {
		return cardplane.Container{}, err
	}
	defer unlock()
	var made cardplane.Container
	if found, _, err := s.cfg.Store.Answer(key, spec, &made); err != nil || found {
		return made.WithRevision(), err
	}
	c, err := s.create(ctx, spec, func(c cardplane.Container) store.Change { return store.Remember(key, spec, c, true) })
	if err != nil {
		// It may have been recorded before it failed.
		return c, errors.Join(err, s.cfg.Store.Update(store.Forget(key)))
	}
	return c, nil
}

// create makes a container. The changes that recorded give for it are part of
// its record.
func (s *Service) create(ctx context.Context, spec cardplane.ContainerSpec, recorded ...func(cardplane.Container) store.Change) (cardplane.Container, error) {
	spec, err := s.complete(ctx, spec)
	if err != nil {
		return cardplane.Container{}, err
	}
	if err := s.checkFree(spec.Name); err != nil {
		return cardplane.Container{}, err
	}
	image, err := s.cfg.Images.Get(ctx, spec.Image)
	if err != nil {
		return cardplane.Container{}, atImage(err)
	}
	spec.Healthcheck = spec.Healthcheck.Over(image.Config.Healthcheck)
	rec := store.Record{Container: cardplane.Container{
		ID: newID(idBytes), Name: spec.Name, ImageID: image.ID,
		Spec: spec, State: cardplane.Created, CreatedAt: time.Now().UTC(),
	}}
	if err := s.checkRunnable(ctx, rec.Container, image); err != nil {
		return cardplane.Container{}, err
	}
	if err := s.confirmNetworks(ctx, spec.Networks); err != nil {
		return cardplane.Container{}, err
	}
	if err := s.confirmContents(spec); err != nil {
		return cardplane.Container{}, err
	}
	undo, err := s.makeVolumes(ctx, spec)
	if err != nil {
		return cardplane.Container{}, err
	}
	e, err := s.record(rec, recorded)
	if err != nil {
		return cardplane.Container{}, errors.Join(err, undo())
	}
	c, err := s.confirm(ctx, e)
	if err != nil {
		return cardplane.Container{}, errors.Join(err, undo())
	}
	return c, nil
}

// checkFree finds a name that is taken before more is looked at.
func (s *Service) checkFree(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner, taken := s.names[name]; taken {
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
	_, err := s.specOf(ctx, c, image)
	return err
}

// specOf returns the runtime specification of c, which is made from image.
func (s *Service) specOf(ctx context.Context, c cardplane.Container, image cardplane.Image) (*specs.Spec, error) {
	user, err := s.cfg.Images.ResolveUser(ctx, image.ID, userOf(c.Spec, image), c.Spec.Groups)
	if err != nil {
		return nil, atUser(err)
	}
	return ocispec.Build(ocispec.Request{
		ID: c.ID, Spec: c.Spec, Image: image.Config, User: user, Kernel: s.cfg.Sandboxes.Kernel(),
	})
}

// atUser points an error about a user or a group at the spec's field.
func atUser(err error) error {
	switch e := apierr.From(err); {
	case e.Code == "group_not_found":
		return e.At("/groups")
	case e.Class != apierr.Internal:
		return e.At("/user")
	}
	return err
}

func userOf(spec cardplane.ContainerSpec, image cardplane.Image) string {
	if spec.User != "" {
		return spec.User
	}
	return image.Config.User
}

// record stores a new container under a name that is free, with its event.
func (s *Service) record(rec store.Record, recorded []func(cardplane.Container) store.Change) (*entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := rec.Container.Name == ""
	for try := 1; ; try++ {
		if made {
			rec.Container.Name = randomName()
		}
		changes := []store.Change{s.recording(cardplane.ContainerCreated, rec.Container, map[string]string{"image": rec.Container.ImageID})}
		for _, change := range recorded {
			changes = append(changes, change(rec.Container))
		}
		err := s.cfg.Store.Create(rec, changes...)
		if err == nil {
			return s.addLocked(rec), nil
		}
		if !made || !apierr.Is(err, "name_taken") || try == nameTries {
			return nil, err
		}
	}
}

// confirm makes sure that neither the image nor a volume, a network, content or
// the sandbox was removed before the container that uses it was recorded, from when
// on it cannot be.
func (s *Service) confirm(ctx context.Context, e *entry) (cardplane.Container, error) {
	c := e.snapshot()
	_, err := s.cfg.Images.Get(ctx, c.ImageID)
	if err != nil {
		err = atImage(err)
	} else {
		err = errors.Join(s.confirmVolumes(ctx, c.Spec), s.confirmNetworks(ctx, c.Spec.Networks), s.confirmContents(c.Spec), s.confirmSandbox(c.Spec))
	}
	if apierr.ClassOf(err) == apierr.NotFound {
		if rerr := s.forget(e); rerr != nil {
			return cardplane.Container{}, rerr
		}
		return cardplane.Container{}, err
	}
	return c.WithRevision(), nil
}

// buildSpec returns the runtime specification of c.
func (s *Service) buildSpec(ctx context.Context, c cardplane.Container) (*specs.Spec, error) {
	image, err := s.cfg.Images.Get(ctx, c.ImageID)
	if err != nil {
		return nil, err
	}
	return s.specOf(ctx, c, image)
}
