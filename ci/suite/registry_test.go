package suite

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/ci/harness"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// TestPull pulls from a registry on loopback and runs what it got.
func TestPull(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer srv.Close()
	repo := strings.TrimPrefix(srv.URL, "http://") + "/team/probe"
	ref, err := name.NewTag(repo + ":v1")
	must(t, err)
	image, err := tarball.ImageFromPath(harness.Archive("probe"), nil)
	must(t, err)
	must(t, remote.Write(ref, image))

	if _, stderr := run(t, s, 0, "pull", repo+":v1"); !strings.Contains(stderr, "fetched") && !strings.Contains(stderr, "already there") {
		t.Errorf("no progress: %s", stderr)
	}
	run(t, s, 11, "run", "--rm", repo+":v1", "/probe", "exit", "11")
	digest, err := image.Digest()
	must(t, err)
	run(t, s, 0, "pull", repo+"@"+digest.String())
	run(t, s, 0, "rmi", repo+":v1")
	if _, stderr := run(t, s, 1, "pull", repo+":v2"); !strings.Contains(stderr, "v2") {
		t.Errorf("the error does not name the tag: %s", stderr)
	}
}
