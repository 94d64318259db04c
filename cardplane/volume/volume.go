// Package volume keeps volumes: names, sizes and labels in the store, and the
// guard that removes none which a container names. The disks behind them are
// made and removed on the compute host by those who use them.
package volume

import (
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
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

const (
	idBytes = 16
	// madeUpBytes is the length of a name that is made up, before hex.
	madeUpBytes = 8
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// Service keeps volumes. It is what implements [cardplane.VolumeService] but for
// the disks.
type Service struct {
	store *store.Store
	// inUse returns the name of a container that names a volume, "" for none.
	inUse func(volume string) string
	tells Teller

	mu     sync.Mutex
	byName map[string]cardplane.Volume
	// planned are copies that are being made, by name.
	planned map[string]cardplane.Volume
}

// Teller returns what records an event of a volume in the transaction that
// makes, changes or removes it.
type Teller func(t cardplane.EventType, v cardplane.Volume) store.Change

// Open loads all volumes. inUse returns the name of a container that names a
// volume, or "". It is called with a lock held and may call nothing here.
func Open(s *store.Store, inUse func(volume string) string, tells Teller) (*Service, error) {
	all, err := s.LoadVolumes()
	if err != nil {
		return nil, err
	}
	v := &Service{store: s, inUse: inUse, tells: tells, byName: make(map[string]cardplane.Volume), planned: make(map[string]cardplane.Volume)}
	for _, volume := range all {
		v.byName[volume.Name] = volume
	}
	return v, nil
}

// Create implements [cardplane.VolumeService] but for copies.
func (s *Service) Create(_ context.Context, spec cardplane.VolumeSpec, key string) (cardplane.Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, found, err := s.Answer(spec, key); err != nil || found {
		return v, err
	}
	v := described(spec)
	if err := check(v); err != nil {
		return cardplane.Volume{}, err
	}
	if _, taken := s.planned[v.Name]; taken {
		return cardplane.Volume{}, store.VolumeExists(v.Name)
	}
	if err := s.store.CreateVolume(v, s.creation(v, spec, key)...); err != nil {
		return cardplane.Volume{}, err
	}
	s.byName[v.Name] = v
	return v, nil
}

// Answer returns the volume that was made under the key before.
func (s *Service) Answer(spec cardplane.VolumeSpec, key string) (v cardplane.Volume, found bool, err error) {
	if key == "" {
		return v, false, nil
	}
	found, _, err = s.store.Answer(answerKey(key), spec, &v)
	return v, found, err
}

func answerKey(key string) string { return "volume/" + key }

// creation is what is recorded with a new volume.
func (s *Service) creation(v cardplane.Volume, spec cardplane.VolumeSpec, key string) []store.Change {
	changes := []store.Change{s.tells(cardplane.VolumeCreated, v)}
	if key != "" {
		changes = append(changes, store.Remember(answerKey(key), spec, v, true))
	}
	return changes
}

// described is the volume that spec asks for.
func described(spec cardplane.VolumeSpec) cardplane.Volume {
	return cardplane.Volume{
		ID: random(idBytes), Name: cmp.Or(spec.Name, random(madeUpBytes)), SizeBytes: cmp.Or(spec.SizeBytes, cardplane.DefaultVolumeBytes),
		Format: spec.Format, Labels: spec.Labels, CreatedAt: time.Now().UTC(),
	}
}

// CheckName refuses what cannot be a volume's name. field is where it stands.
func CheckName(field, name string) error {
	if !namePattern.MatchString(name) {
		return apierr.New(apierr.InvalidArgument, "invalid_name",
			"%q is no name of a volume; use up to 63 letters, digits, '_', '.' and '-', the first a letter or digit", name).At(field)
	}
	return nil
}

func check(v cardplane.Volume) error {
	if err := CheckName("/name", v.Name); err != nil {
		return err
	}
	if f := v.Format.Or(); f != cardplane.FormatExt4 && f != cardplane.FormatRaw {
		return apierr.New(apierr.InvalidArgument, "invalid_volume_format", "the format %q is unknown; use ext4 or raw", f).At("/format")
	}
	return checkSize(v.SizeBytes)
}

func checkSize(size int64) error {
	if size < cardplane.MinVolumeBytes || size > cardplane.MaxVolumeBytes {
		return apierr.New(apierr.InvalidArgument, "invalid_volume_size",
			"a volume of %d bytes is not possible; ask for %d to %d", size, int64(cardplane.MinVolumeBytes), int64(cardplane.MaxVolumeBytes)).At("/sizeBytes")
	}
	return nil
}

// Get implements [cardplane.VolumeService].
func (s *Service) Get(_ context.Context, ref string) (cardplane.Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.getLocked(ref)
}

func (s *Service) getLocked(ref string) (cardplane.Volume, error) {
	if v, ok := s.byName[ref]; ok {
		return v, nil
	}
	for _, v := range s.byName {
		if v.ID == ref {
			return v, nil
		}
	}
	return cardplane.Volume{}, store.VolumeNotFound(ref)
}

// List implements [cardplane.VolumeService].
func (s *Service) List(_ context.Context, filter cardplane.VolumeFilter) ([]cardplane.Volume, error) {
	s.mu.Lock()
	all := slices.Collect(maps.Values(s.byName))
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(v cardplane.Volume) bool { return !filter.Match(v) })
	slices.SortFunc(all, func(a, b cardplane.Volume) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Resize records the new size of a volume. Errors: those of
// [cardplane.VolumeService] to do with the size.
func (s *Service) Resize(_ context.Context, ref string, size int64) (cardplane.Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.getLocked(ref)
	if err != nil {
		return v, err
	}
	if err := checkSize(size); err != nil {
		return v, err
	}
	switch {
	case size == v.SizeBytes:
		return v, nil
	case size < v.SizeBytes:
		return v, apierr.New(apierr.FailedPrecondition, "volume_cannot_shrink",
			"the volume %q has %d bytes and cannot shrink to %d; make a smaller one and copy what is on it", v.Name, v.SizeBytes, size).At("/sizeBytes")
	}
	grown := v
	grown.SizeBytes = size
	if err := s.store.ResizeVolume(v.Name, size, s.tells(cardplane.VolumeUpdated, grown)); err != nil {
		return v, err
	}
	s.byName[v.Name] = grown
	return grown, nil
}

// Remove implements [cardplane.VolumeService]. A container that begins to name
// the volume meanwhile finds it gone when it looks for it once more.
func (s *Service) Remove(_ context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.getLocked(ref)
	if err != nil {
		return err
	}
	if user := s.inUse(v.Name); user != "" {
		return apierr.New(apierr.FailedPrecondition, "volume_in_use",
			"the volume %q belongs to container %s; remove that container first", v.Name, user)
	}
	if err := s.store.RemoveVolume(v.Name, s.tells(cardplane.VolumeRemoved, v)); err != nil {
		return err
	}
	delete(s.byName, v.Name)
	return nil
}

// random returns n random bytes in hex.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(raw)
}
