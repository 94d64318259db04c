package image

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/cardplane/cardplane/cardplane"
)

// Parameters that most tests leave alone.
var (
	removeOptions cardplane.RemoveOptions
	epoch         = time.Unix(0, 0)
)

// reopen closes s and opens its directory again.
func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openStore(t, func(o *Options) { o.Dir = s.options.Dir })
}

func TestReopen(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	if _, err := pull(s, r.push("app:v1", newImage(t, packTar(t, "a", "1")))); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "2"))))
	before, err := s.List(context.Background(), cardplane.ImageFilter{})
	if err != nil {
		t.Fatal(err)
	}
	files := stored(t, s)
	s = reopen(t, s)
	after, err := s.List(context.Background(), cardplane.ImageFilter{})
	if err != nil || len(after) != 2 || !reflect.DeepEqual(before, after) {
		t.Errorf("%v\nbefore %+v\nafter  %+v", err, before, after)
	}
	if now := stored(t, s); !slices.Equal(files, now) {
		t.Errorf("before %q\nafter  %q", files, now)
	}
	x, err := s.Get(context.Background(), "x")
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, x.ID, "a", "2")
}

func TestOpenTwice(t *testing.T) {
	s := openStore(t)
	if _, err := Open(Options{Dir: s.options.Dir}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

// TestOpenSweeps: what a process that was killed left behind is removed.
func TestOpenSweeps(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	files := stored(t, s)
	stray := strings.Repeat("ab", 32)
	for _, path := range []string{s.path(blobDir, stray), s.path(blockDir, stray+blockSuffix), s.path(tmpDir, "load-1", "1"), s.path(tmpDir, indexFile)} {
		if err := os.MkdirAll(path[:strings.LastIndex(path, "/")], 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("left"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen(t, s)
	if now := stored(t, s); !slices.Equal(files, now) {
		t.Errorf("got %q, want %q", now, files)
	}
	wantFile(t, s, img.ID, "a", "1")
}

func TestOpenDropsBrokenImage(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	if err := os.WriteFile(s.path(blobDir, img.ID[7:]), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	wantEmpty(t, s)
	_, err := s.Get(context.Background(), "x")
	wantCode(t, err, "image_not_found")
}

func TestOpenRefusesBrokenIndex(t *testing.T) {
	for _, content := range []string{"{", `{"version":99}`} {
		dir := t.TempDir()
		if err := os.WriteFile(dir+"/"+indexFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Open(Options{Dir: dir}); err == nil {
			t.Errorf("%s: no error, %v", content, s.Close())
		}
	}
}

func TestBlockIsRebuilt(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	b, err := s.Block(context.Background(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(b.Path); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Remove(b.Path); err != nil {
		t.Fatal(err)
	}
	again, err := s.Block(context.Background(), img.ID)
	if err != nil || again != b {
		t.Errorf("%+v, %v; want %+v", again, err, b)
	}
	wantFile(t, s, img.ID, "a", "1")
}

// TestBlockOfDamagedLayer: a layer that has rotted on the disk is noticed.
func TestBlockOfDamagedLayer(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	b, err := s.Block(context.Background(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	layer := s.images[img.ID].layers[0].blob.Digest
	for _, damage := range []func() error{
		func() error { return os.WriteFile(s.blobPath(layer), packTar(t, "a", "2"), 0o600) },
		func() error { return os.Remove(s.blobPath(layer)) },
	} {
		if err := errors.Join(os.RemoveAll(b.Path), damage()); err != nil {
			t.Fatal(err)
		}
		_, err = s.Block(context.Background(), img.ID)
		wantCode(t, err, "image_corrupt")
	}
	// Loading it again mends it.
	mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	wantFile(t, s, img.ID, "a", "1")
}

func TestClosed(t *testing.T) {
	ctx := context.Background()
	s := openStore(t)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, err1 := s.List(ctx, cardplane.ImageFilter{})
	_, err2 := s.Get(ctx, "x")
	_, err3 := s.Load(ctx, strings.NewReader(""), cardplane.LoadOptions{})
	_, err4 := pull(s, "localhost:1/x")
	_, err5 := s.Remove(ctx, "x", removeOptions)
	_, err6 := s.Block(ctx, "x")
	for n, err := range []error{err1, err2, err3, err4, err5, err6} {
		if !errors.Is(err, errClosed) {
			t.Errorf("call %d: %v", n+1, err)
		}
	}
}

func TestListNewestFirst(t *testing.T) {
	s := openStore(t)
	var want []string
	for n := range 3 {
		img := newImage(t, packTar(t, "a", strings.Repeat("x", n)))
		img, err := mutate.CreatedAt(img, v1.Time{Time: epoch.AddDate(n, 0, 0)})
		if err != nil {
			t.Fatal(err)
		}
		want = append([]string{mustLoad(t, s, dockerArchive(t, "x", img)).ID}, want...)
	}
	list, err := s.List(context.Background(), cardplane.ImageFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, img := range list {
		got = append(got, img.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
