package image

import (
	"context"
	"errors"
	"fmt"
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

// remoteRepo fetches from the repository of one reference.
type remoteRepo struct {
	store  *Store
	repo   name.Repository
	puller *remote.Puller
	client *http.Client // with the credentials
	asks   string       // distinguishes credentials
}

// newRemoteRepo logs in to the registry of ref.
func (s *Store) newRemoteRepo(ctx context.Context, ref name.Reference, c *cardplane.RegistryCredentials) (*remoteRepo, error) {
	r := &remoteRepo{store: s, repo: ref.Context(), asks: credentialsKey(c)}
	auth, err := s.authenticator(ctx, r.repo, c)
	if err != nil {
		return nil, err
	}
	ctx, watch, stop := watchProgress(ctx)
	defer stop()
	base := transport.NewUserAgent(transport.NewRetry(plainHTTPGuard{s.trust}, transport.WithRetryBackoff(s.options.retry),
		transport.WithRetryPredicate(isBroken), transport.WithRetryStatusCodes(retryStatuses...)), "cardplane")
	login, err := transport.NewWithContext(ctx, r.repo.Registry, auth, base, []string{r.repo.Scope(transport.PullScope)})
	watch()
	if err != nil {
		return nil, r.userError(ctx, complete(ref), err)
	}
	r.client = &http.Client{Transport: login}
	if r.puller, err = remote.NewPuller(remote.WithTransport(login)); err != nil {
		return nil, fmt.Errorf("registry client for %s: %w", ref, err)
	}
	return r, nil
}

func (s *Store) authenticator(ctx context.Context, repo name.Repository, c *cardplane.RegistryCredentials) (authn.Authenticator, error) {
	if c != nil {
		return authn.FromConfig(authn.AuthConfig{
			Username: c.Username, Password: c.Password, RegistryToken: c.Token, IdentityToken: c.IdentityToken,
		}), nil
	}
	auth, err := authn.Resolve(ctx, s.options.Keychain, repo)
	if err != nil {
		return nil, apierr.New(apierr.FailedPrecondition, "registry_credentials_unreadable",
			"the card's credentials for the registry %s cannot be read: %w; mend its docker config.json or credential helper, or give credentials", repo.RegistryStr(), err)
	}
	return auth, nil
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
func (r *remoteRepo) provide(ctx context.Context, d v1.Descriptor, report cardplane.ProgressFunc) error {
	// Registries decide by repository and credentials who may read a blob, so
	// those who come by other ones fetch for themselves.
	key := "blob:" + r.repo.Name() + "@" + d.Digest.String() + r.asks
	_, err := share(ctx, r.store, key, report, func(ctx context.Context, report cardplane.ProgressFunc) (struct{}, error) {
		return struct{}{}, r.fetch(ctx, d, report)
	})
	return err
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
