package store_test

import (
	"path/filepath"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/cardplane/store"
	"github.com/cardplane/cardplane/openapi/apierr"
)

// A lease of one volume ends alone, a writer remains one while it reads more, and a
// raw volume has no file system that a reader would have to put in order.
func TestLeases(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for name, format := range map[string]cardplane.VolumeFormat{"one": cardplane.FormatExt4, "two": "", "raw": cardplane.FormatRaw} {
		if err := s.CreateVolume(cardplane.Volume{ID: name, Name: name, Format: format}); err != nil {
			t.Fatal(err)
		}
	}
	update := func(changes ...store.Change) error { return s.Update(changes...) }
	want := func(owner, volume string, leased, write bool) {
		t.Helper()
		all, err := s.Leases(owner)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := all[volume]; ok != leased || got != write {
			t.Errorf("%s of %s: %v %v, want %v %v", volume, owner, ok, got, leased, write)
		}
	}
	if err := update(store.Lease("one", "a", false), store.Lease("two", "a", true), store.Lease("raw", "a", false)); err != nil {
		t.Fatal(err)
	}
	want("a", "one", true, true) // it was never used
	want("a", "raw", true, false)
	if err := update(store.EndLease("a", "one", true), store.EndLease("a", "none", true)); err != nil {
		t.Fatal(err)
	}
	want("a", "one", false, false)
	want("a", "two", true, true)
	if err := update(store.Lease("one", "b", false), store.Lease("raw", "b", false)); err != nil {
		t.Fatal(err)
	}
	want("b", "one", true, false)
	want("b", "raw", true, false)
	if err := update(store.Lease("raw", "b", true)); !apierr.Is(err, "volume_in_use") {
		t.Errorf("a writer beside a reader: %v", err)
	}
	if err := update(store.EndLease("a", "raw", true)); err != nil {
		t.Fatal(err)
	}
	if err := update(store.Lease("raw", "b", true), store.Lease("raw", "b", false)); err != nil {
		t.Fatal(err)
	}
	want("b", "raw", true, true)
}
