package image

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Tag implements [cardplane.ImageService].
func (s *Store) Tag(_ context.Context, nameOrID, as string) (cardplane.Image, error) {
	return s.rename(nameOrID, as, func(id, full string) error {
		s.refs[full] = id
		return nil
	})
}

// Untag implements [cardplane.ImageService].
func (s *Store) Untag(_ context.Context, nameOrID, as string) (cardplane.Image, error) {
	return s.rename(nameOrID, as, func(id, full string) error {
		if s.refs[full] != id {
			return apierr.New(apierr.NotFound, "image_not_found", "image %s has no name %q; `cardctl images` lists the names", nameOrID, as)
		}
		delete(s.refs, full)
		return nil
	})
}

// rename lets change alter s.refs at the complete form of a name.
func (s *Store) rename(nameOrID, as string, change func(id, full string) error) (cardplane.Image, error) {
	full, err := completeTag(as)
	if err != nil {
		return cardplane.Image{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return cardplane.Image{}, errClosed
	}
	id, _, err := s.findLocked(nameOrID)
	if err != nil {
		return cardplane.Image{}, err
	}
	var refused error
	err = s.updateLocked(func() { refused = change(id, full) })
	if refused != nil {
		err = refused
	}
	if err != nil {
		return cardplane.Image{}, s.userError(err, "naming image "+nameOrID)
	}
	return s.imageLocked(id), nil
}

// completeTag returns the complete form of a name.
func completeTag(text string) (string, error) {
	ref, err := parseReference(text)
	if err != nil {
		return "", err
	}
	if _, ok := ref.(name.Tag); !ok {
		return "", apierr.New(apierr.InvalidArgument, "invalid_reference",
			"%q is a digest, which is no name; write it as [registry/]name[:tag]", text)
	}
	return complete(ref), nil
}
