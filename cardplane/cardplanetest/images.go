package cardplanetest

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// imageService is a Memory seen as a cardplane.ImageService. It keeps the
// descriptions of images and none of their layers.
type imageService Memory

var _ cardplane.ImageService = (*imageService)(nil)

func (s *imageService) memory() *Memory { return (*Memory)(s) }

// archiveEntry is an element of a docker-archive's manifest.json.
type archiveEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// archiveConfig is the part of an image configuration that matters here.
type archiveConfig struct {
	Architecture string                `json:"architecture"`
	OS           string                `json:"os"`
	Created      time.Time             `json:"created"`
	Config       cardplane.ImageConfig `json:"config"`
}

// Archive returns a docker-archive with one image without layers, which
// [Memory] can load.
func Archive(config cardplane.ImageConfig, names ...string) []byte {
	body, err := json.Marshal(archiveConfig{Architecture: "amd64", OS: "linux", Created: time.Unix(1700000000, 0).UTC(), Config: config})
	if err != nil {
		panic(err)
	}
	return packArchive([]archiveEntry{{Config: "config.json", RepoTags: names, Layers: []string{}}}, map[string][]byte{"config.json": body})
}

// packArchive returns a docker-archive with the given manifest and files.
func packArchive(entries []archiveEntry, files map[string][]byte) []byte {
	manifest, err := json.Marshal(entries)
	if err != nil {
		panic(err)
	}
	files["manifest.json"] = manifest
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for name, content := range files {
		// A bytes.Buffer does not fail.
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	return out.Bytes()
}

func (s *imageService) Load(_ context.Context, r io.Reader, opts cardplane.LoadOptions) ([]cardplane.Image, error) {
	files, err := readTar(r)
	if err != nil {
		return nil, apierr.New(apierr.InvalidArgument, "image_corrupt", "the archive cannot be read: %w", err)
	}
	var manifest []archiveEntry
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		return nil, apierr.New(apierr.InvalidArgument, "image_format_unknown", "the stream is neither a docker-archive nor an OCI layout")
	}
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	var loaded []cardplane.Image
	for _, entry := range manifest {
		image, err := describe(files[entry.Config], entry.RepoTags)
		if err != nil {
			return nil, err
		}
		m.configs[image.ID] = files[entry.Config]
		loaded = append(loaded, m.addImageLocked(image, cardplane.ImageLoaded))
		if opts.Progress != nil {
			opts.Progress(cardplane.ImageProgress{Step: cardplane.StepBuild, Subject: image.ID, Current: image.Size, Total: image.Size})
		}
	}
	return loaded, nil
}

func readTar(r io.Reader) (map[string][]byte, error) {
	files := make(map[string][]byte)
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r)
			return files, err
		}
		if err != nil {
			return nil, err
		}
		if files[header.Name], err = io.ReadAll(io.LimitReader(archive, 1<<20)); err != nil {
			return nil, err
		}
	}
}

func describe(config []byte, names []string) (cardplane.Image, error) {
	var parsed archiveConfig
	if err := json.Unmarshal(config, &parsed); err != nil {
		return cardplane.Image{}, apierr.New(apierr.InvalidArgument, "image_corrupt", "the image configuration cannot be read: %w", err)
	}
	digest := sha256.Sum256(config)
	image := cardplane.Image{
		ID: "sha256:" + hex.EncodeToString(digest[:]), Created: parsed.Created, Architecture: parsed.Architecture, OS: parsed.OS,
		Size: 4096, Config: parsed.Config,
	}
	for _, name := range names {
		image.Names = append(image.Names, normalise(name))
	}
	return image, nil
}

// addImageLocked adds an image or its names to the one that is there.
func (m *Memory) addImageLocked(image cardplane.Image, why cardplane.EventType) cardplane.Image {
	for i := range m.images {
		m.images[i].Names = slices.DeleteFunc(m.images[i].Names, func(name string) bool { return slices.Contains(image.Names, name) })
	}
	for i := range m.images {
		if m.images[i].ID == image.ID {
			image.Names = append(image.Names, m.images[i].Names...)
			m.images = slices.Delete(m.images, i, i+1)
			break
		}
	}
	slices.Sort(image.Names)
	m.images = slices.Insert(m.images, 0, image)
	m.eventLocked(why, image.ID, strings.Join(image.Names, ","), nil)
	return image
}

// normalise completes a reference as docker does.
func normalise(ref string) string {
	first, _, found := strings.Cut(ref, "/")
	switch {
	case !found:
		ref = "docker.io/library/" + ref
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		ref = "docker.io/" + ref
	}
	if last := ref[strings.LastIndex(ref, "/")+1:]; !strings.Contains(last, ":") {
		ref += ":latest"
	}
	return ref
}

// imageLocked resolves a reference, an id or a unique prefix of an id.
func (m *Memory) imageLocked(ref string) (cardplane.Image, error) {
	for _, image := range m.images {
		if image.ID == ref || slices.Contains(image.Names, normalise(ref)) {
			return image, nil
		}
	}
	var matches []cardplane.Image
	for _, image := range m.images {
		if isIDPrefix(ref) && strings.HasPrefix(strings.TrimPrefix(image.ID, "sha256:"), strings.TrimPrefix(ref, "sha256:")) {
			matches = append(matches, image)
		}
	}
	switch len(matches) {
	case 1:
		return matches[0], nil
	case 0:
		return cardplane.Image{}, apierr.New(apierr.NotFound, "image_not_found", "there is no image %q; load it with `cardctl load` or pull it with `cardctl pull %s`", ref, ref)
	}
	return cardplane.Image{}, apierr.New(apierr.InvalidArgument, "ambiguous_id", "%q fits %d images; give more digits", ref, len(matches))
}

func isIDPrefix(ref string) bool {
	digits := strings.TrimPrefix(ref, "sha256:")
	return digits != "" && strings.Trim(digits, "0123456789abcdef") == ""
}

func (s *imageService) Pull(_ context.Context, ref string, _ cardplane.PullOptions) (cardplane.Image, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	if image, err := m.imageLocked(ref); err == nil {
		return image, nil
	}
	return cardplane.Image{}, apierr.New(apierr.Unavailable, "registry_unavailable", "the registry of %q cannot be reached from memory", ref)
}

func (s *imageService) List(_ context.Context, filter cardplane.ImageFilter) ([]cardplane.Image, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.images), func(i cardplane.Image) bool { return !filter.Match(i) }), nil
}

func (s *imageService) Get(_ context.Context, ref string) (cardplane.Image, error) {
	m := s.memory()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.imageLocked(ref)
}

func (s *imageService) Remove(ctx context.Context, ref string, opts cardplane.RemoveOptions) (cardplane.RemovedImage, error) {
	m := s.memory()
	image, err := s.Get(ctx, ref)
	if err != nil {
		return cardplane.RemovedImage{}, err
	}
	name := normalise(ref)
	byName := slices.Contains(image.Names, name)
	if byName && len(image.Names) > 1 {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.untagLocked(image.ID, name)
		return cardplane.RemovedImage{Untagged: []string{name}}, nil
	}
	if !byName && len(image.Names) > 1 && !opts.Force {
		return cardplane.RemovedImage{}, apierr.New(apierr.FailedPrecondition, "image_has_names", "image %s has the names %s; remove them one by one or force the removal", ref, strings.Join(image.Names, ", "))
	}
	if opts.InUse != nil {
		if user, inUse, err := opts.InUse(ctx, image.ID); err != nil || inUse {
			return cardplane.RemovedImage{}, errors.Join(err, apierr.New(apierr.FailedPrecondition, "image_in_use", "image %s is used by %s; remove that first", ref, user))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.images = slices.DeleteFunc(m.images, func(i cardplane.Image) bool { return i.ID == image.ID })
	m.eventLocked(cardplane.ImageRemoved, image.ID, ref, nil)
	return cardplane.RemovedImage{Untagged: image.Names, Deleted: []string{image.ID}}, nil
}

func (m *Memory) untagLocked(id, name string) {
	for i := range m.images {
		if m.images[i].ID == id {
			m.images[i].Names = slices.DeleteFunc(slices.Clone(m.images[i].Names), func(n string) bool { return n == name })
		}
	}
}

func (s *imageService) Block(_ context.Context, id string) (cardplane.BlockFile, error) {
	return cardplane.BlockFile{}, apierr.New(apierr.NotSupported, "no_block_file", "image %s has no block file in memory", id)
}

func (s *imageService) ResolveUser(_ context.Context, id, user string, _ []string) (specs.User, error) {
	if user == "" {
		return specs.User{}, nil
	}
	return specs.User{}, apierr.New(apierr.NotSupported, "no_block_file", "user %q cannot be looked up in image %s in memory", user, id)
}

func (s *imageService) Close() error { return nil }
