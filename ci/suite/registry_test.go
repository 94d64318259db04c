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
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// startRegistry serves a registry on loopback and returns its address.
func startRegistry(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// pushProbe pushes the probe's image, with a label that makes it another one
// than that of the archive.
func pushProbe(t *testing.T, reference string) v1.Image {
	t.Helper()
	ref, err := name.NewTag(reference)
	must(t, err)
	image, err := tarball.ImageFromPath(harness.Archive("probe"), nil)
	must(t, err)
	file, err := image.ConfigFile()
	must(t, err)
	config := *file.Config.DeepCopy()
	config.Labels = map[string]string{"pushed": reference}
	image, err = mutate.Config(image, config)
	must(t, err)
	must(t, remote.Write(ref, image))
	return image
}

// TestPull pulls from a registry on loopback and runs what it got.
func TestPull(t *testing.T) {
	t.Parallel()
	s := sharedStack(t)
	repo := startRegistry(t) + "/team/probe"
	image := pushProbe(t, repo+":v1")

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
