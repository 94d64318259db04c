package image

import (
	"context"
	"slices"
	"strings"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// findLocked returns the ID of the image that nameOrID names, and the complete
// reference if it was found by one.
func (s *Store) findLocked(nameOrID string) (id, ref string, err error) {
	if id := "sha256:" + strings.TrimPrefix(nameOrID, "sha256:"); s.images[id] != nil && !s.removing[id] {
		return id, "", nil
	}
	parsed, refErr := parseReference(nameOrID)
	if refErr == nil {
		full := complete(parsed)
		if id, ok := s.refs[full]; ok && !s.removing[id] {
			return id, full, nil
		}
	}
	ids := s.withPrefixLocked(nameOrID)
	switch {
	case len(ids) == 1:
		return ids[0], "", nil
	case len(ids) > 1:
		return "", "", ambiguous(nameOrID, ids)
	case refErr != nil && !isIDPrefix(nameOrID):
		return "", "", refErr
	}
	return "", "", notFound(nameOrID)
}

// isIDPrefix reports whether text can be the beginning of an ID.
func isIDPrefix(text string) bool {
	digits := strings.TrimPrefix(text, "sha256:")
	return digits != "" && len(digits) <= 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

func (s *Store) withPrefixLocked(prefix string) []string {
	if !isIDPrefix(prefix) {
		return nil
	}
	prefix = "sha256:" + strings.TrimPrefix(prefix, "sha256:")
	var ids []string
	for id := range s.images {
		if strings.HasPrefix(id, prefix) && !s.removing[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Remove implements [cardplane.ImageService].
func (s *Store) Remove(ctx context.Context, nameOrID string, opts cardplane.RemoveOptions) (cardplane.RemovedImage, error) {
	ctx, end, err := s.begin(ctx)
	if err != nil {
		return cardplane.RemovedImage{}, err
	}
	defer end()
	removed, err := s.remove(ctx, nameOrID, opts, nil)
	return removed, s.userError(err, "removing image "+nameOrID)
}

// remove is Remove. If still is given it is asked, with the lock held, whether
// the image may go although time has passed.
func (s *Store) remove(ctx context.Context, nameOrID string, opts cardplane.RemoveOptions, still func(cardplane.Image) bool) (cardplane.RemovedImage, error) {
	none := cardplane.RemovedImage{}
	s.mu.Lock()
	id, ref, err := s.findLocked(nameOrID)
	if err != nil {
		s.mu.Unlock()
		return none, err
	}
	gone, last, err := s.planRemovalLocked(id, ref, opts.Force)
	if err != nil {
		s.mu.Unlock()
		return none, err
	}
	if !last {
		defer s.mu.Unlock()
		return cardplane.RemovedImage{Untagged: gone}, s.updateLocked(func() { s.forgetLocked(gone) })
	}
	// From here on nobody finds the image, so no new use can begin that
	// InUse does not know of yet.
	s.removing[id] = true
	s.mu.Unlock()
	defer s.endRemoval(id)
	if err := checkUnused(ctx, id, nameOrID, opts); err != nil {
		return none, err
	}
	return s.delete(id, ref, still)
}

// planRemovalLocked says which references a removal takes away, and whether
// the image goes with them.
func (s *Store) planRemovalLocked(id, ref string, force bool) (gone []string, last bool, err error) {
	names, digests := s.namesLocked(id)
	if ref == "" {
		if len(names) > 1 && !force {
			return nil, false, apierr.New(apierr.FailedPrecondition, "image_has_names",
				"image %s has the names %s; remove them one by one, or force the removal", id, strings.Join(names, ", "))
		}
		return append(names, digests...), true, nil
	}
	if strings.Contains(ref, "@") {
		return []string{ref}, len(names) == 0 && len(digests) == 1, nil
	}
	return []string{ref}, len(names) == 1, nil
}

func (s *Store) forgetLocked(refs []string) {
	for _, ref := range refs {
		delete(s.refs, ref)
	}
}

func (s *Store) endRemoval(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.removing, id)
}

func checkUnused(ctx context.Context, id, asked string, opts cardplane.RemoveOptions) error {
	if opts.InUse == nil {
		return nil
	}
	user, used, err := opts.InUse(ctx, id)
	if err != nil || !used {
		return err
	}
	return apierr.New(apierr.FailedPrecondition, "image_in_use",
		"image %s is used by %s; remove that first", asked, user)
}

// delete removes the image with all its references, and what only it needs.
// If it was asked for by ref and has got another name meanwhile, it stays.
func (s *Store) delete(id, ref string, still func(cardplane.Image) bool) (cardplane.RemovedImage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if still != nil && !still(s.imageLocked(id)) {
		return cardplane.RemovedImage{}, notFound(id)
	}
	if ref != "" && s.refs[ref] != id {
		return cardplane.RemovedImage{}, notFound(ref)
	}
	names, digests := s.namesLocked(id)
	if _, last, _ := s.planRemovalLocked(id, ref, true); !last {
		err := s.updateLocked(func() { s.forgetLocked([]string{ref}) })
		return cardplane.RemovedImage{Untagged: []string{ref}}, err
	}
	gone := append(names, digests...)
	slices.Sort(gone)
	err := s.updateLocked(func() {
		s.forgetLocked(gone)
		delete(s.images, id)
	})
	if err != nil {
		return cardplane.RemovedImage{}, err
	}
	s.log.WithField("image", id).Info("image removed")
	if err := s.collectLocked(); err != nil {
		s.log.WithError(err).Error("image store: unused files stay on the disk")
	}
	return cardplane.RemovedImage{Untagged: gone, Deleted: []string{id}}, nil
}
