package blob

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	// maxPartials is how many uploads that are not complete are kept.
	maxPartials = 64
	// partialLife is how long one is kept that nobody goes on with.
	partialLife = 24 * time.Hour
)

// sweep drops partials that nobody will go on with: the old ones, and the
// oldest of too many. Those that a connection is sending stay.
func (s *Store) sweep(now time.Time) error {
	all, err := s.partials()
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *partialFile) int { return cmp.Compare(a.touched, b.touched) })
	for i, p := range all {
		tooMany := len(all)-i >= maxPartials
		if !tooMany && now.Sub(time.Unix(0, p.touched)) < partialLife {
			continue
		}
		if err := s.sweepOne(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sweepOne(p *partialFile) error {
	release, err := s.acquire(p.hex)
	if err != nil {
		return nil // it is being sent
	}
	defer release()
	s.forgetSum(p.hex)
	if err := os.Remove(p.path); err != nil {
		return fmt.Errorf("remove old partial blob: %w", err)
	}
	return nil
}
