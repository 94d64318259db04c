// Package content keeps configs and secrets: names, labels and what they hold in
// the store, and the guard that removes none which a container names. Bringing
// them into containers is the business of those who run them.
package content

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/prune"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// idBytes is the length of an id before it is written in hex.
const idBytes = 16

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// Config is what a Service works with.
type Config struct {
	Store *store.Store
	Kind  cardplane.ContentKind
	// InUse returns the name of a container that names the content, "" for none.
	// It is called with a lock held and may call nothing here.
	InUse func(name string) string
	// Tells returns what records an event in the transaction of its change.
	Tells func(t cardplane.EventType, c cardplane.Content) store.Change
}

// Service keeps the content of one kind. It is what implements
// [cardplane.ContentService] but for the containers that follow changes.
type Service struct {
	Config

	mu     sync.Mutex
	byName map[string]cardplane.Content // without data
}

// Open loads all content of the kind, but for the data, which stays in the store.
func Open(cfg Config) (*Service, error) {
	all, err := cfg.Store.LoadContents(cfg.Kind)
	if err != nil {
		return nil, err
	}
	s := &Service{Config: cfg, byName: make(map[string]cardplane.Content)}
	for _, c := range all {
		s.byName[c.Name] = c
	}
	return s, nil
}

// Create implements [cardplane.ContentService].
func (s *Service) Create(_ context.Context, spec cardplane.ContentSpec, key string) (made cardplane.Content, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != "" {
		key = string(s.Kind) + "/" + key
		if found, _, err := s.Store.Answer(key, spec, &made); err != nil || found {
			return made, err
		}
	}
	if err := check(s.Kind, spec); err != nil {
		return cardplane.Content{}, err
	}
	now := time.Now().UTC()
	made = cardplane.Content{
		ID: newID(), Kind: s.Kind, Name: spec.Name, SizeBytes: int64(len(spec.Data)), Version: 1,
		Labels: spec.Labels, CreatedAt: now, UpdatedAt: now,
	}
	changes := []store.Change{s.tells("create", made)}
	if key != "" {
		changes = append(changes, store.Remember(key, spec, made, true))
	}
	if err := s.Store.CreateContent(with(made, spec.Data), changes...); err != nil {
		return cardplane.Content{}, err
	}
	s.byName[made.Name] = made
	return made, nil
}

// with returns c with data.
func with(c cardplane.Content, data []byte) cardplane.Content {
	c.Data = data
	return c
}

// CheckName refuses what cannot be the name of content. field is where it stands.
func CheckName(kind cardplane.ContentKind, field, name string) error {
	if !namePattern.MatchString(name) {
		return apierr.New(apierr.InvalidArgument, "invalid_name",
			"%q is no name of a %s; use up to 63 letters, digits, '_', '.' and '-', the first a letter or digit", name, kind).At(field)
	}
	return nil
}

func check(kind cardplane.ContentKind, spec cardplane.ContentSpec) error {
	if err := CheckName(kind, "/name", spec.Name); err != nil {
		return err
	}
	return checkData(kind, spec.Data)
}

func checkData(kind cardplane.ContentKind, data []byte) error {
	if len(data) > cardplane.MaxContentBytes {
		return apierr.New(apierr.InvalidArgument, "content_too_large",
			"%d bytes are too many for a %s, which holds up to %d; use a volume for larger files", len(data), kind, cardplane.MaxContentBytes).At("/data")
	}
	return nil
}

// tells returns what records an event of c.
func (s *Service) tells(what string, c cardplane.Content) store.Change {
	return s.Tells(cardplane.EventType(string(s.Kind)+"."+what), c)
}

// Get implements [cardplane.ContentService].
func (s *Service) Get(_ context.Context, ref string) (cardplane.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.getLocked(ref)
	if err != nil || s.Kind == cardplane.KindSecret {
		return c, err
	}
	return s.Store.Content(s.Kind, c.Name)
}

// Has fails unless there is content of that name.
func (s *Service) Has(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byName[name]; !ok {
		return store.ContentNotFound(s.Kind, name)
	}
	return nil
}

// Latest returns the content of that name, without its data. There is none with
// Version 0.
func (s *Service) Latest(name string) cardplane.Content {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byName[name]
}

func (s *Service) getLocked(ref string) (cardplane.Content, error) {
	if c, ok := s.byName[ref]; ok {
		return c, nil
	}
	for _, c := range s.byName {
		if c.ID == ref {
			return c, nil
		}
	}
	return cardplane.Content{}, store.ContentNotFound(s.Kind, ref)
}

// List implements [cardplane.ContentService].
func (s *Service) List(_ context.Context, filter cardplane.ContentFilter) ([]cardplane.Content, error) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.byName))
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(c cardplane.Content) bool { return !filter.Match(c) })
	slices.SortFunc(all, func(a, b cardplane.Content) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Update records a change. Errors: those of [cardplane.ContentService] to do with
// the content.
func (s *Service) Update(_ context.Context, ref string, update cardplane.ContentUpdate) (cardplane.Content, error) {
	if err := checkData(s.Kind, update.Data); err != nil {
		return cardplane.Content{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known, err := s.getLocked(ref)
	if err != nil {
		return known, err
	}
	old, err := s.Store.Content(s.Kind, known.Name)
	if err != nil {
		return known, err
	}
	next, changed := changedBy(old, update)
	if !changed {
		return known, nil
	}
	data := next.Data
	next.Data = nil
	if err := s.Store.UpdateContent(with(next, data), s.tells("update", next)); err != nil {
		return known, err
	}
	s.byName[next.Name] = next
	return next, nil
}

// changedBy returns old as update changes it, and whether it does.
func changedBy(old cardplane.Content, update cardplane.ContentUpdate) (next cardplane.Content, changed bool) {
	next = old
	next.Labels = update.Relabelled(old.Labels)
	changed = !maps.Equal(next.Labels, old.Labels)
	if update.Data != nil && !bytes.Equal(update.Data, old.Data) {
		next.Data, next.SizeBytes = update.Data, int64(len(update.Data))
		next.Version, next.UpdatedAt, changed = old.Version+1, time.Now().UTC(), true
	}
	return next, changed
}

// Prune implements [cardplane.ContentService].
func (s *Service) Prune(ctx context.Context, filter cardplane.PruneFilter) (cardplane.Pruned, error) {
	all, err := s.List(ctx, cardplane.ContentFilter{Labels: filter.Labels})
	if err != nil {
		return cardplane.Pruned{}, err
	}
	list := make([]prune.Object, len(all))
	for i, one := range all {
		list[i] = prune.Object{
			Name: one.Name, CreatedAt: one.CreatedAt, Bytes: one.SizeBytes,
			Remove: func() error { return s.Remove(ctx, one.ID) },
		}
	}
	return prune.Objects(list, filter.Until, string(s.Kind)+"_in_use")
}

// Remove implements [cardplane.ContentService]. A container that begins to name
// the content meanwhile finds it gone when it looks for it once more.
func (s *Service) Remove(_ context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.getLocked(ref)
	if err != nil {
		return err
	}
	if user := s.InUse(c.Name); user != "" {
		return apierr.New(apierr.FailedPrecondition, string(s.Kind)+"_in_use",
			"the %s %q belongs to container %s; remove that container first", s.Kind, c.Name, user)
	}
	if err := s.Store.RemoveContent(c, s.tells("remove", c)); err != nil {
		return err
	}
	delete(s.byName, c.Name)
	return nil
}

func newID() string {
	raw := make([]byte, idBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(raw)
}
