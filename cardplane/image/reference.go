package image

import (
	"errors"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// dockerHub is what users call the registry that go-containerregistry names
// by its host, index.docker.io.
const dockerHub = "docker.io"

// parseReference completes a reference as docker does.
func parseReference(ref string) (name.Reference, error) {
	var options []name.Option
	text := ref
	// docker takes "localhost" for a registry even without a port or a dot.
	if rest, ok := strings.CutPrefix(ref, "localhost/"); ok {
		text = rest
		options = append(options, name.WithDefaultRegistry("localhost"))
	}
	parsed, err := name.ParseReference(text, options...)
	if err != nil {
		return nil, invalidReference(ref, err)
	}
	if strings.HasPrefix(parsed.Context().RegistryStr(), ".") {
		return nil, invalidReference(ref, errors.New("the registry begins with a dot"))
	}
	return parsed, nil
}

// complete returns the normalised form of ref, "docker.io/library/redis:latest".
func complete(ref name.Reference) string {
	full := ref.Name()
	if rest, ok := strings.CutPrefix(full, name.DefaultRegistry+"/"); ok {
		return dockerHub + "/" + rest
	}
	return full
}

// repository returns the normalised form of ref without tag and digest.
func repository(ref name.Reference) string {
	full := complete(ref)
	return strings.TrimRight(full[:len(full)-len(ref.Identifier())], ":@")
}
