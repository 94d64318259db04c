package image

import (
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	tests := []struct{ ref, full, repo string }{
		{"redis", "docker.io/library/redis:latest", "docker.io/library/redis"},
		{"redis:7", "docker.io/library/redis:7", "docker.io/library/redis"},
		{"docker.io/redis", "docker.io/library/redis:latest", "docker.io/library/redis"},
		{"index.docker.io/a/b", "docker.io/a/b:latest", "docker.io/a/b"},
		{"a/b@" + digest, "docker.io/a/b@" + digest, "docker.io/a/b"},
		{"a/b:tag@" + digest, "docker.io/a/b@" + digest, "docker.io/a/b"},
		{"localhost/x", "localhost/x:latest", "localhost/x"},
		{"localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x"},
		{"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x"},
		{"ghcr.io/a/b/c:1", "ghcr.io/a/b/c:1", "ghcr.io/a/b/c"},
	}
	for _, tt := range tests {
		ref, err := parseReference(tt.ref)
		if err != nil {
			t.Errorf("%s: %v", tt.ref, err)
			continue
		}
		if complete(ref) != tt.full || repository(ref) != tt.repo {
			t.Errorf("%s: %s in %s", tt.ref, complete(ref), repository(ref))
		}
	}
}
