package volume

import (
	"cmp"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// Plan describes the copy of source that spec asks for, and keeps its name and
// its id for it until release.
//
// Errors: those of Create, volume_cannot_shrink and volume_format_differs.
func (s *Service) Plan(spec cardplane.VolumeSpec, source cardplane.Volume) (v cardplane.Volume, release func(), err error) {
	spec.SizeBytes = cmp.Or(spec.SizeBytes, source.SizeBytes)
	v = described(spec)
	v.SourceID, v.Format = source.ID, source.Format
	if f := source.Format.Or(); spec.Format != "" && spec.Format != f {
		return v, nil, apierr.New(apierr.FailedPrecondition, "volume_format_differs",
			"the volume %q is %s, and a copy of it cannot be %s; leave the format out", source.Name, f, spec.Format).At("/format")
	}
	if err := check(v); err != nil {
		return v, nil, err
	}
	if v.SizeBytes < source.SizeBytes {
		return v, nil, apierr.New(apierr.FailedPrecondition, "volume_cannot_shrink",
			"the volume %q has %d bytes and a copy of it cannot have %d; ask for as many or more, or leave the size out",
			source.Name, source.SizeBytes, v.SizeBytes).At("/sizeBytes")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, exists := s.byName[v.Name]
	if _, planned := s.planned[v.Name]; exists || planned {
		return v, nil, store.VolumeExists(v.Name)
	}
	s.planned[v.Name] = v
	return v, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.planned, v.Name)
	}, nil
}

// Planned reports whether a copy with that id is being made.
func (s *Service) Planned(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.planned {
		if v.ID == id {
			return true
		}
	}
	return false
}

// Record makes a planned volume one that exists, for spec and key, with further
// changes in the same transaction. clean is as in [store.Store.CreateCopy].
func (s *Service) Record(v cardplane.Volume, clean bool, spec cardplane.VolumeSpec, key string, changes ...store.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.store.CreateCopy(v, clean, append(changes, s.creation(v, spec, key)...)...); err != nil {
		return err
	}
	s.byName[v.Name] = v
	return nil
}
