package image

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cardplane/cardplane/cardplane"
)

func TestGetNotFound(t *testing.T) {
	s := openStore(t)
	for _, name := range []string{"redis", "abc", "sha256:abc", strings.Repeat("a", 64), "x@sha256:" + strings.Repeat("a", 64)} {
		_, err := s.Get(context.Background(), name)
		wantCode(t, err, "image_not_found")
	}
	_, err := s.Get(context.Background(), "NO GOOD")
	wantCode(t, err, "invalid_reference")
	_, err = s.Block(context.Background(), "sha256:"+strings.Repeat("a", 64))
	wantCode(t, err, "image_not_found")
}

func TestAmbiguousPrefix(t *testing.T) {
	s := openStore(t)
	var ids []string
	for n := range 17 { // two of them begin with the same digit
		ids = append(ids, mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", strings.Repeat("x", n))))).ID)
	}
	slices.Sort(ids)
	n := 0
	for ids[n][7] != ids[n+1][7] {
		n++
	}
	prefix := ids[n][7:8]
	_, err := s.Get(context.Background(), prefix)
	wantCode(t, err, "ambiguous_id")
	if !strings.Contains(err.Error(), ids[n]) || !strings.Contains(err.Error(), ids[n+1]) {
		t.Errorf("%v: does not list the images", err)
	}
	_, err = s.Remove(context.Background(), prefix, removeOptions)
	wantCode(t, err, "ambiguous_id")
}

func TestRemove(t *testing.T) {
	ctx := context.Background()
	s := openStore(t)
	img := newImage(t, packTar(t, "a", "1"))
	mustLoad(t, s, dockerArchive(t, "one", img))
	id := mustLoad(t, s, dockerArchive(t, "two", img)).ID

	_, err := s.Remove(ctx, id, removeOptions)
	wantCode(t, err, "image_has_names")
	got, err := s.Remove(ctx, "one", removeOptions)
	if err != nil || !slices.Equal(got.Untagged, []string{"docker.io/library/one:latest"}) || len(got.Deleted) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	wantFile(t, s, id, "a", "1")
	got, err = s.Remove(ctx, "two", removeOptions)
	if err != nil || len(got.Untagged) != 1 || !slices.Equal(got.Deleted, []string{id}) {
		t.Fatalf("%+v, %v", got, err)
	}
	wantEmpty(t, s)
	_, err = s.Remove(ctx, "two", removeOptions)
	wantCode(t, err, "image_not_found")
	wantEmpty(t, reopen(t, s))
}

func TestRemoveForced(t *testing.T) {
	s := openStore(t)
	img := newImage(t, packTar(t, "a", "1"))
	mustLoad(t, s, dockerArchive(t, "one", img))
	id := mustLoad(t, s, dockerArchive(t, "two", img)).ID
	got, err := s.Remove(context.Background(), id[7:15], cardplane.RemoveOptions{Force: true})
	if err != nil || len(got.Untagged) != 2 || !slices.Equal(got.Deleted, []string{id}) {
		t.Fatalf("%+v, %v", got, err)
	}
	wantEmpty(t, s)
}

func TestRemovePulled(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	ref := r.push("app:v1", newImage(t, packTar(t, "a", "1")))
	if _, err := pull(s, ref); err != nil {
		t.Fatal(err)
	}
	got, err := s.Remove(context.Background(), ref, removeOptions)
	if err != nil || len(got.Untagged) != 2 || len(got.Deleted) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	wantEmpty(t, s)
}

func TestRemoveKeepsSharedLayers(t *testing.T) {
	s := openStore(t)
	base := packTar(t, "base", "1")
	mustLoad(t, s, dockerArchive(t, "one", newImage(t, base)))
	two := mustLoad(t, s, dockerArchive(t, "two", newImage(t, base, packTar(t, "b", "2"))))
	files := len(stored(t, s))
	if _, err := s.Remove(context.Background(), "one", removeOptions); err != nil {
		t.Fatal(err)
	}
	if gone := files - len(stored(t, s)); gone != 3 { // manifest, configuration, block file
		t.Errorf("%d files removed, want 3", gone)
	}
	b, err := s.Block(context.Background(), two.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(b.Path); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, two.ID, "base", "1") // built from the layers that stayed
}

func TestRemoveInUse(t *testing.T) {
	ctx := context.Background()
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	inUse := cardplane.RemoveOptions{Force: true, InUse: func(ctx context.Context, id string) (string, bool, error) {
		if id != img.ID {
			t.Errorf("asked about %s", id)
		}
		// While it is being decided nobody can begin to use the image.
		_, err := s.Block(ctx, id)
		wantCode(t, err, "image_not_found")
		return "container web", true, nil
	}}
	for _, name := range []string{"x", img.ID} {
		_, err := s.Remove(ctx, name, inUse)
		wantCode(t, err, "image_in_use")
		if !strings.Contains(err.Error(), "container web") {
			t.Errorf("%v: does not name the container", err)
		}
	}
	wantFile(t, s, img.ID, "a", "1")
	broken := errors.New("store closed")
	_, err := s.Remove(ctx, "x", cardplane.RemoveOptions{InUse: func(context.Context, string) (string, bool, error) { return "", false, broken }})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Remove(ctx, "x", removeOptions); err != nil {
		t.Error(err)
	}
}
