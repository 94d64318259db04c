package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
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
	img, err := share(ctx, s, key, func(ctx context.Context) (cardplane.Image, error) {
		return s.pull(ctx, parsed, opts.Credentials)
	})
	return img, s.userError(err, "pulling "+full)
}

func credentialsKey(c *cardplane.RegistryCredentials) string {
	if c == nil {
		return ""
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", c.Username, c.Password, c.Token))
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
func (s *Store) pull(ctx context.Context, ref name.Reference, c *cardplane.RegistryCredentials) (cardplane.Image, error) {
	w, err := s.newWorkDir("pull")
	if err != nil {
		return cardplane.Image{}, err
	}
	defer w.remove()
	r, err := s.newRemoteRepo(ref, c)
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
	return s.ingest(ctx, w, m, refs, r.provide)
}

// remoteRepo fetches from the repository of one reference.
type remoteRepo struct {
	store  *Store
	repo   name.Repository
	puller *remote.Puller
	asks   string // distinguishes credentials
}

func (s *Store) newRemoteRepo(ref name.Reference, c *cardplane.RegistryCredentials) (*remoteRepo, error) {
	auth := remote.WithAuthFromKeychain(s.options.Keychain)
	if c != nil {
		auth = remote.WithAuth(authn.FromConfig(authn.AuthConfig{
			Username: c.Username, Password: c.Password, RegistryToken: c.Token,
		}))
	}
	puller, err := remote.NewPuller(auth, remote.WithTransport(plainHTTPGuard{s.options.Transport}), remote.WithUserAgent("cardplane"))
	if err != nil {
		return nil, fmt.Errorf("registry client for %s: %w", ref, err)
	}
	return &remoteRepo{store: s, repo: ref.Context(), puller: puller, asks: credentialsKey(c)}, nil
}

// document fetches a manifest or index. If ref is by digest the content has it.
func (r *remoteRepo) document(ctx context.Context, ref name.Reference) ([]byte, error) {
	ctx, watch, stop := watchProgress(ctx)
	defer stop()
	d, err := r.puller.Get(ctx, ref)
	watch()
	if err != nil {
		return nil, r.userError(ctx, complete(ref), err)
	}
	if size := int64(len(d.Manifest)); size > r.store.limits.Manifest {
		return nil, tooLarge("a manifest of %d bytes, the limit is %d", size, r.store.limits.Manifest)
	}
	if digest, ok := ref.(name.Digest); ok && digestOf(d.Manifest).String() != digest.DigestStr() {
		return nil, corrupt("the manifest %s that %s sent has digest %s", digest.DigestStr(), r.repo.RegistryStr(), digestOf(d.Manifest))
	}
	return d.Manifest, nil
}

// manifest fetches the document that d describes.
func (r *remoteRepo) manifest(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	return r.document(ctx, r.repo.Digest(d.Digest.String()))
}

// provide is a [provider]. Pulls of different images fetch a blob that they
// share once.
func (r *remoteRepo) provide(ctx context.Context, d v1.Descriptor) error {
	// Registries decide by repository and credentials who may read a blob, so
	// those who come by other ones fetch for themselves.
	key := "blob:" + r.repo.Name() + "@" + d.Digest.String() + r.asks
	_, err := share(ctx, r.store, key, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.fetch(ctx, d)
	})
	return err
}

func (r *remoteRepo) fetch(ctx context.Context, d v1.Descriptor) error {
	s := r.store
	defer s.hold(d.Digest.String())()
	if s.hasBlob(d.Digest) {
		return nil
	}
	ctx, watch, stop := watchProgress(ctx)
	defer stop()
	blob, err := r.puller.Layer(ctx, r.repo.Digest(d.Digest.String()))
	if err != nil {
		return r.userError(ctx, "blob "+d.Digest.String(), err)
	}
	body, err := blob.Compressed()
	if err != nil {
		return r.userError(ctx, "blob "+d.Digest.String(), err)
	}
	w, err := s.newWorkDir("blob")
	if err != nil {
		return errors.Join(err, body.Close())
	}
	defer w.remove()
	in := &bodyReader{r: io.LimitReader(body, d.Size+1), watch: watch}
	f, err := w.stage(ctx, in)
	closeErr := body.Close()
	switch {
	case f.size > d.Size, f.size == d.Size && f.digest != d.Digest:
		return corrupt("blob %s from %s has %d bytes or more with digest %s, it should have %d", d.Digest, r.repo.RegistryStr(), f.size, f.digest, d.Size)
	case in.err != nil:
		return r.userError(ctx, "blob "+d.Digest.String(), in.err)
	case err != nil:
		return err
	case f.size != d.Size:
		return corrupt("blob %s from %s has %d bytes, it should have %d", d.Digest, r.repo.RegistryStr(), f.size, d.Size)
	case closeErr != nil:
		return r.userError(ctx, "blob "+d.Digest.String(), closeErr)
	}
	return s.adopt(f)
}

// bodyReader tells failures of the registry from those of the disk.
type bodyReader struct {
	r     io.Reader
	watch func()
	err   error
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.watch()
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// userError explains an error of the registry about what was asked for.
func (r *remoteRepo) userError(ctx context.Context, what string, err error) error {
	host := r.repo.RegistryStr()
	if ctx.Err() != nil {
		cause := context.Cause(ctx)
		if !errors.Is(cause, errStalled) {
			return cause
		}
		return unavailable(host, cause)
	}
	// go-containerregistry has no type for this one.
	if strings.Contains(err.Error(), "does not match requested digest") {
		return corrupt("%w", err)
	}
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return unavailable(host, err)
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return unauthorized(host, what, err)
	case http.StatusNotFound:
		missing := apierr.New(apierr.NotFound, "image_not_found",
			"the registry %s has no %s; check the name and the tag", host, what)
		missing.Cause = err
		return missing
	}
	return unavailable(host, err)
}

func unavailable(host string, cause error) error {
	return apierr.New(apierr.Unavailable, "registry_unavailable",
		"the registry %s cannot be used now: %w; check its name and that the card can reach it", host, cause)
}

func unauthorized(host, what string, cause error) error {
	err := apierr.New(apierr.FailedPrecondition, "registry_unauthorized",
		"the registry %s does not give %s to these credentials; log in to it on the card (docker login), or give others, and check the name", host, what)
	err.Cause = cause
	return err
}
