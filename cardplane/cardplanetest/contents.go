package cardplanetest

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// contentService is a Memory seen as a cardplane.ContentService of one kind.
type contentService struct {
	m    *Memory
	kind cardplane.ContentKind
}

var _ cardplane.ContentService = contentService{}

// Configs returns the config service.
func (m *Memory) Configs() cardplane.ContentService { return contentService{m, cardplane.KindConfig} }

// Secrets returns the secret service.
func (m *Memory) Secrets() cardplane.ContentService { return contentService{m, cardplane.KindSecret} }

// code returns an error code of the kind.
func (s contentService) code(what string) string { return string(s.kind) + "_" + what }

// event notes what has happened to c.
func (s contentService) eventLocked(what string, c cardplane.Content) {
	s.m.eventLocked(cardplane.EventType(string(s.kind)+"."+what), c.ID, c.Name, nil)
}

// shown returns what callers get of c; only who asks for one config gets its data.
func (s contentService) shown(c cardplane.Content, data bool) cardplane.Content {
	if s.kind == cardplane.KindSecret || !data {
		c.Data = nil
	}
	return c
}

func (s contentService) Create(_ context.Context, spec cardplane.ContentSpec, key string) (cardplane.Content, error) {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	key = string(s.kind) + "/" + key
	if made, err := answered[cardplane.Content](m, key, spec); made != nil || err != nil {
		return *cmp.Or(made, &cardplane.Content{}), err
	}
	if _, err := s.indexLocked(spec.Name); err == nil {
		return cardplane.Content{}, apierr.New(apierr.AlreadyExists, s.code("exists"), "the %s %q exists", s.kind, spec.Name).At("/name")
	}
	if err := checkSize(spec.Data); err != nil {
		return cardplane.Content{}, err
	}
	now := m.nowLocked()
	c := cardplane.Content{
		ID: newID(16), Kind: s.kind, Name: spec.Name, SizeBytes: int64(len(spec.Data)), Version: 1,
		Labels: spec.Labels, CreatedAt: now, UpdatedAt: now, Data: spec.Data,
	}
	m.contents = append(m.contents, c)
	s.eventLocked("create", c)
	m.rememberLocked(key, spec, s.shown(c, false))
	return s.shown(c, false), nil
}

func checkSize(data []byte) error {
	if len(data) > cardplane.MaxContentBytes {
		return apierr.New(apierr.InvalidArgument, "content_too_large", "%d bytes are too many", len(data)).At("/data")
	}
	return nil
}

func (s contentService) indexLocked(ref string) (int, error) {
	i := slices.IndexFunc(s.m.contents, func(c cardplane.Content) bool {
		return c.Kind == s.kind && (c.Name == ref || c.ID == ref)
	})
	if i < 0 {
		return 0, apierr.New(apierr.NotFound, s.code("not_found"), "there is no %s %q", s.kind, ref)
	}
	return i, nil
}

func (s contentService) Get(_ context.Context, ref string) (cardplane.Content, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	i, err := s.indexLocked(ref)
	if err != nil {
		return cardplane.Content{}, err
	}
	return s.shown(s.m.contents[i], true), nil
}

func (s contentService) List(_ context.Context, filter cardplane.ContentFilter) ([]cardplane.Content, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	var out []cardplane.Content
	for _, c := range s.m.contents {
		if c.Kind == s.kind && filter.Match(c) {
			out = append(out, s.shown(c, false))
		}
	}
	return out, nil
}

func (s contentService) Update(_ context.Context, ref string, update cardplane.ContentUpdate) (cardplane.Content, error) {
	if err := checkSize(update.Data); err != nil {
		return cardplane.Content{}, err
	}
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := s.indexLocked(ref)
	if err != nil {
		return cardplane.Content{}, err
	}
	c := &m.contents[i]
	c.Labels = update.Relabelled(c.Labels)
	if update.Data != nil && string(update.Data) != string(c.Data) {
		c.Data, c.SizeBytes = update.Data, int64(len(update.Data))
		c.Version, c.UpdatedAt = c.Version+1, m.nowLocked()
	}
	s.eventLocked("update", *c)
	for _, user := range m.containers {
		if user.root != "" {
			if err := m.writeContentsLocked(user); err != nil {
				return *c, err
			}
		}
	}
	return s.shown(*c, false), nil
}

func (s contentService) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.ContentFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	var pruned cardplane.Pruned
	for _, c := range all {
		if !filter.Until.IsZero() && !c.CreatedAt.Before(filter.Until) {
			continue
		}
		err := s.Remove(ctx, c.ID)
		if apierr.Is(err, s.code("in_use")) {
			continue
		}
		if err != nil {
			return pruned, err
		}
		pruned.IDs = append(pruned.IDs, c.Name)
		pruned.Bytes += c.SizeBytes
	}
	return pruned, nil
}

func (s contentService) Remove(_ context.Context, ref string) error {
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	i, err := s.indexLocked(ref)
	if err != nil {
		return err
	}
	gone := m.contents[i]
	for _, c := range m.containers {
		if slices.ContainsFunc(c.Spec.Contents(s.kind), func(u cardplane.ContentMount) bool { return u.Name == gone.Name }) {
			return apierr.New(apierr.FailedPrecondition, s.code("in_use"), "the %s %q belongs to container %s", s.kind, gone.Name, c.Name)
		}
	}
	m.contents = slices.Delete(m.contents, i, i+1)
	s.eventLocked("remove", gone)
	return nil
}

// completeContentsLocked says where the configs and secrets of spec are. They must
// exist.
func (m *Memory) completeContentsLocked(spec cardplane.ContainerSpec) (cardplane.ContainerSpec, error) {
	spec.Configs, spec.Secrets = slices.Clone(spec.Configs), slices.Clone(spec.Secrets)
	for _, s := range []contentService{{m, cardplane.KindConfig}, {m, cardplane.KindSecret}} {
		path, mode := "/", cardplane.DefaultConfigMode
		if s.kind == cardplane.KindSecret {
			path, mode = cardplane.SecretsDir+"/", cardplane.DefaultSecretMode
		}
		list := spec.Contents(s.kind)
		for i := range list {
			if _, err := s.indexLocked(list[i].Name); err != nil {
				return spec, apierr.From(err).At(fmt.Sprintf("/%ss/%d/name", s.kind, i))
			}
			list[i].Path, list[i].Mode = cmp.Or(list[i].Path, path+list[i].Name), cmp.Or(list[i].Mode, mode)
			if list[i].Path != filepath.Clean(list[i].Path) {
				return spec, apierr.New(apierr.InvalidArgument, "invalid_content_path", "%q", list[i].Path).At(fmt.Sprintf("/%ss/%d/path", s.kind, i))
			}
		}
	}
	return spec, nil
}

// writeContentsLocked writes the container's configs and secrets to its file
// system.
func (m *Memory) writeContentsLocked(c *container) error {
	for _, s := range []contentService{{m, cardplane.KindConfig}, {m, cardplane.KindSecret}} {
		for _, mount := range c.Spec.Contents(s.kind) {
			i, err := s.indexLocked(mount.Name)
			if err != nil {
				return err
			}
			if err := writeContent(filepath.Join(c.root, mount.Path), mount.Mode, m.contents[i].Data); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeContent(path, mode string, data []byte) error {
	bits, err := strconv.ParseUint(mode, 8, 16)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	whole := path + ".new"
	if err := os.WriteFile(whole, data, fs.FileMode(bits)); err != nil {
		return err
	}
	return os.Rename(whole, path)
}
