package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/cardplane/cardplane/cardplane"
)

// Pull implements [cardplane.ImageService].
func (s *Store) Pull(ctx context.Context, ref string, opts cardplane.PullOptions) (cardplane.Image, error) {
	parsed, err := parseReference(ref)
	if err != nil {
		return cardplane.Image{}, err
	}
	full := complete(parsed)
	if _, byDigest := parsed.(name.Digest); byDigest {
		if img, ok := s.pulled(full); ok {
			return img, nil
		}
	}
	// Callers with other credentials may not be allowed to see the image, so
	// they do not share the work.
	key := "pull:" + full + credentialsKey(opts.Credentials)
	img, err := share(ctx, s, key, opts.Progress, func(ctx context.Context, report cardplane.ProgressFunc) (cardplane.Image, error) {
		return s.pull(ctx, parsed, opts.Credentials, report)
	})
	return img, s.userError(err, "pulling "+full)
}

func credentialsKey(c *cardplane.RegistryCredentials) string {
	if c == nil {
		return ""
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", c.Username, c.Password, c.Token, c.IdentityToken))
	return " " + hex.EncodeToString(hash[:])
}

// pulled returns the image that a complete reference names, if it is whole.
func (s *Store) pulled(full string) (cardplane.Image, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.refs[full]
	if e := s.images[id]; e == nil || !s.wholeLocked(e) {
		return cardplane.Image{}, false
	}
	return s.imageLocked(id), true
}

// pull fetches one image. ctx ends with the last caller that waits for it.
func (s *Store) pull(ctx context.Context, ref name.Reference, c *cardplane.RegistryCredentials, report cardplane.ProgressFunc) (cardplane.Image, error) {
	w, err := s.newWorkDir("pull")
	if err != nil {
		return cardplane.Image{}, err
	}
	defer w.remove()
	r, err := s.newRemoteRepo(ctx, ref, c)
	if err != nil {
		return cardplane.Image{}, err
	}
	top, err := r.document(ctx, ref)
	if err != nil {
		return cardplane.Image{}, err
	}
	refs := []string{repository(ref) + "@" + digestOf(top).String()}
	if _, byTag := ref.(name.Tag); byTag {
		refs = append(refs, complete(ref))
	}
	m, err := s.selectManifest(ctx, top, complete(ref), r.manifest)
	if err != nil {
		return cardplane.Image{}, err
	}
	return s.ingest(ctx, w, m, refs, r.provide, report)
}
