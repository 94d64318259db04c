package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cardplane/cardplane/cardplane"
)

// manifest is an image manifest whose digests and sizes are well-formed.
type manifest struct {
	raw    []byte
	digest v1.Hash
	config v1.Descriptor
	blobs  []v1.Descriptor // of the layers, the lowest first
}

// layers are the layers of an image, the lowest first.
type layers []layerRef

// layerRef is a layer as it is stored and the digest of its uncompressed tar.
type layerRef struct {
	blob   v1.Descriptor
	diffID v1.Hash
}

// formatVersion changes when the same layers give other block files.
const formatVersion = "cardplane-erofs-2"

// key identifies what the layers contain, however they are compressed.
func (l layers) key() string {
	hash := sha256.New()
	hash.Write([]byte(formatVersion))
	for _, layer := range l {
		hash.Write([]byte("\n" + layer.diffID.String()))
	}
	return "block:" + hex.EncodeToString(hash.Sum(nil))
}

// document is any JSON document that a manifest digest can lead to.
type document struct {
	SchemaVersion int             `json:"schemaVersion"`
	Config        *v1.Descriptor  `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
	Manifests     []v1.Descriptor `json:"manifests"`
	FSLayers      json.RawMessage `json:"fsLayers"`
}

// parseDocument tells manifests from indexes by their content. One that could
// be read either way is refused (CVE-2021-41190).
func parseDocument(raw []byte) (*document, error) {
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, corrupt("manifest %s: %w", digestOf(raw), err)
	}
	isManifest, isIndex := doc.Config != nil || doc.Layers != nil, doc.Manifests != nil
	switch {
	case doc.FSLayers != nil:
		return nil, formatUnknown("manifest %s has the obsolete schema 1", digestOf(raw))
	case isManifest == isIndex:
		return nil, corrupt("manifest %s is neither an image manifest nor an index", digestOf(raw))
	}
	return &doc, nil
}

// parseManifest parses and checks an image manifest.
func (s *Store) parseManifest(raw []byte) (*manifest, error) {
	doc, err := parseDocument(raw)
	if err != nil {
		return nil, err
	}
	m := &manifest{raw: raw, digest: digestOf(raw), blobs: doc.Layers}
	if doc.Config == nil {
		return nil, corrupt("manifest %s names no image configuration", m.digest)
	}
	m.config = *doc.Config
	if len(m.blobs) > s.limits.Layers {
		return nil, tooLarge("%d layers, the limit is %d", len(m.blobs), s.limits.Layers)
	}
	if m.config.Size > s.limits.Config {
		return nil, tooLarge("an image configuration of %d bytes, the limit is %d", m.config.Size, s.limits.Config)
	}
	var total int64
	for _, d := range append([]v1.Descriptor{m.config}, m.blobs...) {
		if err := checkDigest(d.Digest); err != nil {
			return nil, err
		}
		if d.Size < 0 {
			return nil, corrupt("manifest %s: blob %s has size %d", m.digest, d.Digest, d.Size)
		}
		if total += d.Size; d.Size > s.limits.Bytes || total > s.limits.Bytes {
			return nil, tooLarge("more than %d bytes in layers", s.limits.Bytes)
		}
	}
	return m, nil
}

// config is what the store takes from an image configuration.
type config struct {
	layers layers
	image  cardplane.Image // without names and size
}

// readConfig reads the configuration that m names from the store and checks
// it against m and the wanted platform.
func (s *Store) readConfig(m *manifest) (*config, error) {
	id := m.config.Digest
	raw, err := s.readBlob(id, s.limits.Config)
	if err != nil {
		return nil, err
	}
	file, err := v1.ParseConfigFile(bytes.NewReader(raw))
	if err != nil {
		return nil, corrupt("image configuration %s: %w", id, err)
	}
	if !s.fits(file.OS, file.Architecture) {
		return nil, wrongArchitecture("image "+id.String(), []string{file.OS + "/" + file.Architecture}, s.options.Architecture)
	}
	if len(file.RootFS.DiffIDs) != len(m.blobs) {
		return nil, corrupt("image configuration %s has %d diff_ids for the %d layers of manifest %s",
			id, len(file.RootFS.DiffIDs), len(m.blobs), m.digest)
	}
	c := &config{image: s.describe(id, file, raw)}
	for n, diffID := range file.RootFS.DiffIDs {
		if err := checkDigest(diffID); err != nil {
			return nil, err
		}
		c.layers = append(c.layers, layerRef{blob: m.blobs[n], diffID: diffID})
	}
	return c, nil
}

// fits reports whether an image for the given platform runs here. Old tools
// leave the platform out; then it is taken to be the right one.
func (s *Store) fits(os, architecture string) bool {
	return (os == "" || os == "linux") && (architecture == "" || architecture == s.options.Architecture)
}

// describe returns what the configuration file, which is raw parsed, says.
func (s *Store) describe(id v1.Hash, file *v1.ConfigFile, raw []byte) cardplane.Image {
	c := file.Config
	architecture := file.Architecture
	if architecture == "" {
		architecture = s.options.Architecture
	}
	return cardplane.Image{
		ID:           id.String(),
		Created:      file.Created.Time,
		Architecture: architecture,
		OS:           "linux",
		Config: cardplane.ImageConfig{
			User:         c.User,
			Env:          c.Env,
			Entrypoint:   c.Entrypoint,
			Cmd:          c.Cmd,
			WorkingDir:   c.WorkingDir,
			StopSignal:   c.StopSignal,
			Shell:        c.Shell,
			Healthcheck:  healthcheck(raw),
			Labels:       c.Labels,
			ExposedPorts: slices.Sorted(maps.Keys(c.ExposedPorts)),
			Volumes:      slices.Sorted(maps.Keys(c.Volumes)),
		},
	}
}

// maxIndexDepth bounds indexes of indexes.
const maxIndexDepth = 4

// selectManifest follows doc, which is raw parsed, down through indexes to the
// manifest for the wanted platform. fetch returns a document whose digest has
// been checked.
func (s *Store) selectManifest(ctx context.Context, raw []byte, what string,
	fetch func(context.Context, v1.Descriptor) ([]byte, error)) (*manifest, error) {
	for range maxIndexDepth {
		doc, err := parseDocument(raw)
		if err != nil {
			return nil, err
		}
		if doc.Manifests == nil {
			return s.parseManifest(raw)
		}
		next, err := s.choose(doc.Manifests, what)
		if err != nil {
			return nil, err
		}
		if err := checkDigest(next.Digest); err != nil {
			return nil, err
		}
		if raw, err = fetch(ctx, next); err != nil {
			return nil, err
		}
	}
	return nil, corrupt("%s: more than %d indexes within each other", what, maxIndexDepth)
}

// choose returns the entry of an index for the wanted platform, or else the
// first that names no platform.
func (s *Store) choose(list []v1.Descriptor, what string) (v1.Descriptor, error) {
	var unnamed []v1.Descriptor
	var have []string
	for _, d := range list {
		switch {
		case d.Annotations["vnd.docker.reference.type"] != "":
			// An attestation about another entry.
		case d.Platform == nil:
			unnamed = append(unnamed, d)
		case d.Platform.OS == "linux" && d.Platform.Architecture == s.options.Architecture:
			return d, nil
		default:
			have = append(have, d.Platform.String())
		}
	}
	if len(unnamed) > 0 {
		return unnamed[0], nil
	}
	if len(have) == 0 {
		return v1.Descriptor{}, corrupt("%s: the index lists no image", what)
	}
	return v1.Descriptor{}, wrongArchitecture(what, have, s.options.Architecture)
}
