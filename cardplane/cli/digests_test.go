package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cardplane/cardplane/cardplane"
)

// The digest is that of the name's own repository.
func TestDigests(t *testing.T) {
	image := cardplane.Image{
		ID: "sha256:0123456789abcdef", Names: []string{"docker.io/library/a:v1", "localhost:5000/b:v2", "localhost:5000/c:v3"},
		RepoDigests: []string{"docker.io/library/a@sha256:1", "localhost:5000/b@sha256:2"},
	}
	var out strings.Builder
	if err := printImages(&out, []cardplane.Image{image}, listFlags{format: "table"}, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Join(strings.Fields(line)[:3], " "))
	}
	want := []string{"REPOSITORY TAG DIGEST", "a v1 sha256:1", "localhost:5000/b v2 sha256:2", "localhost:5000/c v3 <none>"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
