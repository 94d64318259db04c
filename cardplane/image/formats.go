package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Files that tell the formats. Archives of newer dockers are both; the OCI
// layout says more (digests) and is preferred.
const (
	ociLayoutFile  = "oci-layout"
	ociIndexFile   = "index.json"
	dockerManifest = "manifest.json"
)

// Annotations of index.json that name an image.
const (
	ociRefName          = "org.opencontainers.image.ref.name" // name or only a tag
	containerdImageName = "io.containerd.image.name"          // complete reference
)

// images returns the images in the archive.
func (a *archive) images(ctx context.Context) ([]found, error) {
	_, isLayout := a.file(ociLayoutFile)
	idx, hasIndex := a.file(ociIndexFile)
	manifest, isDocker := a.file(dockerManifest)
	switch {
	case isLayout && hasIndex:
		return a.ociImages(ctx, idx)
	case isDocker:
		return a.dockerImages(manifest)
	}
	return nil, formatUnknown("it has neither oci-layout and index.json nor manifest.json")
}

// ociImages reads an OCI image layout (OCI image specification, "Image
// Layout").
func (a *archive) ociImages(ctx context.Context, f staged) ([]found, error) {
	raw, err := a.read(f, a.store.limits.Manifest, ociIndexFile)
	if err != nil {
		return nil, err
	}
	var idx v1.IndexManifest
	if err := json.Unmarshal(raw, &idx); err != nil {
		return nil, corrupt("%s: %w", ociIndexFile, err)
	}
	groups := groupByName(idx.Manifests)
	var images []found
	for _, group := range groups {
		img, err := a.ociImage(ctx, group)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	if len(images) == 0 {
		return nil, corrupt("%s lists no image", ociIndexFile)
	}
	return images, a.addDockerNames(images)
}

// groupByName gathers the entries of index.json that are the same image for
// several platforms: those with the same name annotations. Entries that name
// neither image nor platform stand alone.
func groupByName(list []v1.Descriptor) [][]v1.Descriptor {
	var groups [][]v1.Descriptor
	byName := make(map[string]int)
	for _, d := range list {
		if d.Annotations["vnd.docker.reference.type"] != "" {
			continue
		}
		key := d.Annotations[containerdImageName] + " " + d.Annotations[ociRefName]
		n, ok := byName[key]
		if !ok || d.Platform == nil {
			byName[key] = len(groups)
			groups = append(groups, []v1.Descriptor{d})
			continue
		}
		groups[n] = append(groups[n], d)
	}
	return groups
}

func (a *archive) ociImage(ctx context.Context, group []v1.Descriptor) (found, error) {
	what := group[0].Annotations[containerdImageName]
	if what == "" {
		what = "image " + group[0].Digest.String()
	}
	top, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: group})
	if err != nil {
		return found{}, err
	}
	m, err := a.store.selectManifest(ctx, top, what, a.manifest)
	if err != nil {
		return found{}, err
	}
	refs, err := annotatedNames(group[0].Annotations)
	return found{manifest: m, refs: refs}, err
}

// annotatedNames returns the references that annotations give. A bare tag
// names nothing.
func annotatedNames(annotations map[string]string) ([]string, error) {
	text := annotations[containerdImageName]
	if text == "" {
		text = annotations[ociRefName]
		if !strings.ContainsAny(text, "/:") {
			return nil, nil
		}
	}
	return completeAll([]string{text})
}

// completeAll normalises the tags of an archive.
func completeAll(tags []string) ([]string, error) {
	var refs []string
	for _, tag := range tags {
		ref, err := parseReference(tag)
		if err != nil {
			return nil, err
		}
		if _, ok := ref.(name.Tag); ok && !slices.Contains(refs, complete(ref)) {
			refs = append(refs, complete(ref))
		}
	}
	return refs, nil
}

// dockerImage is an element of a docker-archive's manifest.json.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func (a *archive) readDockerManifest(f staged) ([]dockerImage, error) {
	raw, err := a.read(f, a.store.limits.Manifest, dockerManifest)
	if err != nil {
		return nil, err
	}
	var list []dockerImage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, corrupt("%s: %w", dockerManifest, err)
	}
	return list, nil
}

// addDockerNames adds the names that manifest.json, if there is one too, gives
// to images of a layout.
func (a *archive) addDockerNames(images []found) error {
	f, ok := a.file(dockerManifest)
	if !ok {
		return nil
	}
	list, err := a.readDockerManifest(f)
	if err != nil {
		return err
	}
	for _, d := range list {
		config, _ := a.file(d.Config)
		refs, err := completeAll(d.RepoTags)
		if err != nil {
			return err
		}
		for n := range images {
			if images[n].manifest.config.Digest != config.digest {
				continue
			}
			images[n].refs = append(images[n].refs, refs...)
			slices.Sort(images[n].refs)
			images[n].refs = slices.Compact(images[n].refs)
		}
	}
	return nil
}

// dockerImages reads a docker-archive, what "docker save" wrote before it
// learnt OCI layouts, and other tools still do.
func (a *archive) dockerImages(f staged) ([]found, error) {
	list, err := a.readDockerManifest(f)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, corrupt("%s lists no image", dockerManifest)
	}
	var images []found
	for _, d := range list {
		m, err := a.dockerImage(d)
		if err != nil {
			return nil, err
		}
		refs, err := completeAll(d.RepoTags)
		if err != nil {
			return nil, err
		}
		images = append(images, found{manifest: m, refs: refs})
	}
	return images, nil
}

// dockerImage makes the manifest that a docker-archive lacks.
func (a *archive) dockerImage(d dockerImage) (*manifest, error) {
	config, ok := a.file(d.Config)
	if !ok {
		return nil, corrupt("the archive lacks the image configuration %q", d.Config)
	}
	// The file is named by its digest, unless a tool does not bother.
	hex := strings.TrimPrefix(strings.TrimSuffix(path.Base(d.Config), ".json"), "sha256:")
	named := v1.Hash{Algorithm: "sha256", Hex: hex}
	if checkDigest(named) == nil && named != config.digest {
		return nil, corrupt("the content of image configuration %s has digest %s", named, config.digest)
	}
	m := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: types.OCIConfigJSON, Size: config.size, Digest: config.digest},
		Layers:        []v1.Descriptor{},
	}
	for _, l := range d.Layers {
		f, ok := a.file(l)
		if !ok {
			return nil, corrupt("the archive lacks the layer %q", l)
		}
		mediaType, err := a.layerType(f)
		if err != nil {
			return nil, err
		}
		m.Layers = append(m.Layers, v1.Descriptor{MediaType: mediaType, Size: f.size, Digest: f.digest})
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return a.store.parseManifest(raw)
}

// layerType tells how a layer is compressed.
func (a *archive) layerType(f staged) (types.MediaType, error) {
	in, err := os.Open(a.locate(f))
	if err != nil {
		return "", err
	}
	magic := make([]byte, len(zstdMagic))
	n, err := io.ReadFull(in, magic)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return "", err
	}
	switch {
	case bytes.HasPrefix(magic[:n], gzipMagic):
		return types.OCILayer, nil
	case bytes.Equal(magic[:n], zstdMagic):
		return types.OCILayerZStd, nil
	}
	return types.OCIUncompressedLayer, nil
}
