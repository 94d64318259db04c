package image

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cardplane/cardplane/cardplane"
)

// testRegistry is a registry on loopback.
type testRegistry struct {
	t     testing.TB
	host  string
	next  http.Handler
	mu    sync.Mutex
	hook  func(w http.ResponseWriter, r *http.Request) (handled bool)
	blobs atomic.Int64 // GETs of blobs that were served
}

func newRegistry(t testing.TB) *testRegistry {
	t.Helper()
	r := &testRegistry{t: t, next: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

func (r *testRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	hook := r.hook
	r.mu.Unlock()
	if hook != nil && hook(w, req) {
		return
	}
	if isBlobGet(req) {
		r.blobs.Add(1)
	}
	r.next.ServeHTTP(w, req)
}

func isBlobGet(req *http.Request) bool {
	return req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/")
}

// intercept puts hook in front of every request from now on.
func (r *testRegistry) intercept(hook func(w http.ResponseWriter, req *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hook = hook
}

func (r *testRegistry) push(repo string, what remote.Taggable) string {
	r.t.Helper()
	ref, err := name.ParseReference(r.host + "/" + repo)
	if err != nil {
		r.t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	switch what := what.(type) {
	case v1.Image:
		err = remote.Write(ref, what, remote.WithTransport(transport))
	case v1.ImageIndex:
		err = remote.WriteIndex(ref, what, remote.WithTransport(transport))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return ref.Name()
}

func pull(s *Store, ref string) (cardplane.Image, error) {
	return s.Pull(context.Background(), ref, cardplane.PullOptions{})
}

func TestPull(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	img := newImage(t, packTar(t, "a", "1"), packTar(t, "b", "2"))
	ref := r.push("app:v1", img)
	got, err := pull(s, ref)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	byDigest := r.host + "/app@" + digest.String()
	if got.ID != imageID(t, img) || !slices.Equal(got.Names, []string{ref}) || !slices.Equal(got.RepoDigests, []string{byDigest}) {
		t.Errorf("%+v", got)
	}
	wantFile(t, s, got.ID, "b", "2")

	before := r.blobs.Load()
	if again, err := pull(s, ref); err != nil || again.ID != got.ID || r.blobs.Load() != before {
		t.Errorf("a second pull fetched %d blobs: %v", r.blobs.Load()-before, err)
	}
	r.intercept(func(http.ResponseWriter, *http.Request) bool {
		t.Error("a pull by a known digest used the network")
		return false
	})
	if again, err := pull(s, byDigest); err != nil || again.ID != got.ID {
		t.Errorf("by digest: %v", err)
	}
}

func TestPullByDigest(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	img := newImage(t, packTar(t, "a", "1"))
	r.push("app:v1", img)
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref := r.host + "/app@" + digest.String()
	got, err := pull(s, ref)
	if err != nil || len(got.Names) != 0 || !slices.Equal(got.RepoDigests, []string{ref}) {
		t.Errorf("%+v, %v", got, err)
	}
	if found, err := s.Get(context.Background(), ref); err != nil || found.ID != got.ID {
		t.Errorf("%v, %v", found.ID, err)
	}
}

func TestPullSharesLayers(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	base := packTar(t, "base", "1")
	one, two := r.push("x:1", newImage(t, base)), r.push("x:2", newImage(t, base, packTar(t, "more", "2")))
	if _, err := pull(s, one); err != nil {
		t.Fatal(err)
	}
	before := r.blobs.Load()
	got, err := pull(s, two)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.blobs.Load() - before; n != 2 { // configuration and second layer
		t.Errorf("%d blobs fetched, want 2", n)
	}
	wantFile(t, s, got.ID, "base", "1")
}

func TestPullIndex(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	idx := mutate.AppendManifests(empty.Index,
		named(platformImage(t, "linux", "arm64", packTar(t, "a", "arm64")), nil, &v1.Platform{OS: "linux", Architecture: "arm64"}),
		named(newImage(t, packTar(t, "a", "amd64")), nil, &v1.Platform{OS: "linux", Architecture: "amd64"}))
	got, err := pull(s, r.push("multi", idx))
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, got.ID, "a", "amd64")
	digest, err := idx.Digest()
	if err != nil || !slices.Equal(got.RepoDigests, []string{r.host + "/multi@" + digest.String()}) {
		t.Errorf("digests %q, %v", got.RepoDigests, err)
	}
}

func TestPullRefused(t *testing.T) {
	img := newImage(t, packTar(t, "a", strings.Repeat("x", 3000)))
	status := func(code int, path string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, req *http.Request) bool {
			if !strings.Contains(req.URL.Path, path) {
				return false
			}
			w.WriteHeader(code)
			return true
		}
	}
	body := func(change func([]byte) []byte, path string) func(*testRegistry) func(http.ResponseWriter, *http.Request) bool {
		return func(r *testRegistry) func(http.ResponseWriter, *http.Request) bool {
			return func(w http.ResponseWriter, req *http.Request) bool {
				if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, path) {
					return false
				}
				rec := httptest.NewRecorder()
				r.next.ServeHTTP(rec, req)
				w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
				_, _ = w.Write(change(rec.Body.Bytes()))
				return true
			}
		}
	}
	fixed := func(h func(http.ResponseWriter, *http.Request) bool) func(*testRegistry) func(http.ResponseWriter, *http.Request) bool {
		return func(*testRegistry) func(http.ResponseWriter, *http.Request) bool { return h }
	}
	hangUp := func(w http.ResponseWriter, req *http.Request) bool {
		if !isBlobGet(req) {
			return false
		}
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write([]byte("only this"))
		panic(http.ErrAbortHandler)
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	tests := map[string]struct {
		hook func(*testRegistry) func(http.ResponseWriter, *http.Request) bool
		code string
	}{
		"no such tag":          {fixed(status(http.StatusNotFound, "/manifests/")), "image_not_found"},
		"no such blob":         {fixed(status(http.StatusNotFound, "/blobs/")), "image_not_found"},
		"unauthorized":         {fixed(status(http.StatusUnauthorized, "/manifests/")), "registry_unauthorized"},
		"forbidden":            {fixed(status(http.StatusForbidden, "/manifests/")), "registry_unauthorized"},
		"too many requests":    {fixed(status(http.StatusTooManyRequests, "/v2/")), "registry_unavailable"},
		"connection breaks":    {fixed(hangUp), "registry_unavailable"},
		"blob damaged":         {body(flip, "/blobs/"), "image_corrupt"},
		"blob too long":        {body(func(b []byte) []byte { return append(b, 'x') }, "/blobs/"), "image_corrupt"},
		"manifest is no JSON":  {body(func(b []byte) []byte { return b[1:] }, "/manifests/"), "image_corrupt"},
		"manifest is schema 1": {body(func([]byte) []byte { return []byte(`{"schemaVersion":1,"fsLayers":[]}`) }, "/manifests/"), "image_format_unknown"},
		"manifest is both":     {body(func(b []byte) []byte { return append([]byte(`{"manifests":[],`), b[1:]...) }, "/manifests/"), "image_corrupt"},
		"manifest too large":   {body(func(b []byte) []byte { return append(b, make([]byte, 5000)...) }, "/manifests/"), "image_too_large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t)
			s := openStore(t, func(o *Options) { o.Limits.Manifest = 4096 })
			ref := r.push("app", img)
			r.intercept(tt.hook(r))
			_, err := pull(s, ref)
			wantCode(t, err, tt.code)
			wantEmpty(t, s)
			r.intercept(nil)
			if _, err := pull(s, ref); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestPullManifestNotTheOneAskedFor(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	img, other := newImage(t, packTar(t, "a", "1")), newImage(t, packTar(t, "a", "2"))
	r.push("app:v1", other)
	raw, err := other.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	r.intercept(func(w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(req.URL.Path, "/manifests/") {
			return false
		}
		_, _ = w.Write(raw)
		return true
	})
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	_, err = pull(s, r.host+"/app@"+digest.String())
	wantCode(t, err, "image_corrupt")
	wantEmpty(t, s)
}

func TestPullWrongArchitecture(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	arm := platformImage(t, "linux", "arm64", packTar(t, "a", "1"))
	idx := mutate.AppendManifests(empty.Index, named(arm, nil, &v1.Platform{OS: "linux", Architecture: "arm64"}))
	for _, ref := range []string{r.push("one", arm), r.push("multi", idx)} {
		_, err := pull(s, ref)
		wantCode(t, err, "image_wrong_architecture")
		if !strings.Contains(err.Error(), "linux/arm64") || !strings.Contains(err.Error(), "linux/amd64") {
			t.Errorf("%v: does not name both", err)
		}
	}
	wantEmpty(t, s)
}

func TestPullBadReference(t *testing.T) {
	s := openStore(t)
	for _, ref := range []string{"", "UPPER", "a b", "x:", "x@sha256:12", "../x", "http://example.com/x"} {
		_, err := pull(s, ref)
		wantCode(t, err, "invalid_reference")
	}
}

func TestPullUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t)
	_, err = pull(s, host+"/x")
	wantCode(t, err, "registry_unavailable")
	wantEmpty(t, s)
}

func TestPlainHTTPOnlyOnLoopback(t *testing.T) {
	reached := errors.New("reached")
	guard := plainHTTPGuard{roundTripper(func(*http.Request) (*http.Response, error) { return nil, reached })}
	tests := map[string]bool{
		"http://localhost:5000/v2/": true, "http://127.0.0.1/": true, "http://127.9.9.9:1/": true, "http://[::1]:5000/": true,
		"https://example.com/": true, "http://example.com/": false, "http://10.0.0.1:5000/": false,
		"http://registry.local/": false, "http://localhost.example.com/": false,
	}
	for url, allowed := range tests {
		req := httptest.NewRequest(http.MethodGet, url, nil)
		if _, err := guard.RoundTrip(req); errors.Is(err, reached) != allowed {
			t.Errorf("%s: %v", url, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// requireBasic lets only joe with the password secret in.
func requireBasic(w http.ResponseWriter, req *http.Request) bool {
	if user, password, ok := req.BasicAuth(); ok && user == "joe" && password == "secret" {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

func TestPullCredentials(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("private", newImage(t, packTar(t, "a", "1")))
	r.intercept(requireBasic)
	try := func(c *cardplane.RegistryCredentials) error {
		_, err := s.Pull(context.Background(), ref, cardplane.PullOptions{Credentials: c})
		return err
	}
	wantCode(t, try(nil), "registry_unauthorized")
	wantCode(t, try(&cardplane.RegistryCredentials{Username: "joe", Password: "guess"}), "registry_unauthorized")
	wantEmpty(t, s)
	if err := try(&cardplane.RegistryCredentials{Username: "joe", Password: "secret"}); err != nil {
		t.Error(err)
	}
}

func TestPullDockerConfig(t *testing.T) {
	r := newRegistry(t)
	dir := t.TempDir()
	auth := base64.StdEncoding.EncodeToString([]byte("joe:secret"))
	config := `{"auths":{"` + r.host + `":{"auth":"` + auth + `"}}}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	s := openStore(t, func(o *Options) { o.Keychain = authn.DefaultKeychain })
	ref := r.push("private", newImage(t, packTar(t, "a", "1")))
	r.intercept(requireBasic)
	if _, err := pull(s, ref); err != nil {
		t.Error(err)
	}
}
