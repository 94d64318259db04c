package image

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func save(t testing.TB, s *Store, format cardplane.ArchiveFormat, images ...string) []byte {
	t.Helper()
	r, err := s.Save(context.Background(), cardplane.SaveOptions{Images: images, Format: format})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return data
}

// mixed returns an image whose layers are compressed in every way.
func mixed(t testing.TB) v1.Image {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	img := newImage(t, packTar(t, "gzip", "1"))
	plain, packed := packTar(t, "plain", "2"), packTar(t, "zstd", "3")
	for _, add := range []mutate.Addendum{
		{Layer: static.NewLayer(plain, types.OCIUncompressedLayer), History: v1.History{CreatedBy: "ADD plain"}},
		{History: v1.History{CreatedBy: "CMD x", EmptyLayer: true}},
		{Layer: zstdLayer{static.NewLayer(encoder.EncodeAll(packed, nil), types.OCILayerZStd), digestOf(packed)}, History: v1.History{CreatedBy: "ADD zstd"}},
	} {
		if img, err = mutate.Append(img, add); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

type zstdLayer struct {
	v1.Layer
	diffID v1.Hash
}

func (l zstdLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// TestSaveLoad pulls an image, saves it, and loads it into another store:
// everything that has a digest has the same again, and saving it there gives
// the same bytes.
func TestSaveLoad(t *testing.T) {
	r, s := newRegistry(t), openStore(t)
	img, err := pull(s, r.push("app:v1", mixed(t)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Tag(context.Background(), img.ID, "app:v2"); err != nil {
		t.Fatal(err)
	}
	for _, format := range []cardplane.ArchiveFormat{"", cardplane.FormatDocker, cardplane.FormatOCI} {
		archive := save(t, s, format, "app:v2", img.ID, img.Names[0])
		other := openStore(t)
		got := mustLoad(t, other, archive)
		if got.ID != img.ID || len(got.Names) != 2 {
			t.Errorf("%s: %+v", format, got)
		}
		if a, b := s.images[img.ID], other.images[img.ID]; a.record != b.record || !slices.EqualFunc(a.layers, b.layers, func(x, y layerRef) bool {
			return x.blob.Digest == y.blob.Digest && x.diffID == y.diffID
		}) {
			t.Errorf("%s: stored as %+v, before %+v", format, b.record, a.record)
		}
		for file, want := range map[string]string{"gzip": "1", "plain": "2", "zstd": "3"} {
			wantFile(t, other, got.ID, file, want)
		}
		if again := save(t, other, format, "app:v2", img.ID, img.Names[0]); !bytes.Equal(again, archive) {
			t.Errorf("%s: saved again it has other bytes", format)
		}
	}
}

// TestSavedForOthers reads a docker-archive with another implementation.
func TestSavedForOthers(t *testing.T) {
	s := openStore(t)
	img := newImage(t, packTar(t, "a", "1"), packTar(t, "b", "2"))
	mustLoad(t, s, dockerArchive(t, "app:v1", img))
	archive := save(t, s, cardplane.FormatDocker, "app:v1")
	tag, err := name.NewTag("docker.io/library/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	back, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil }, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if got := imageID(t, back); got != imageID(t, img) {
		t.Errorf("read as %s", got)
	}
	if strings.Contains(string(save(t, s, cardplane.FormatOCI, "app:v1")), dockerManifest) {
		t.Error("an OCI layout has a manifest.json")
	}
}

// TestSaveWhileRemoved removes an image that is being saved: the tar becomes
// whole, and then the files go.
func TestSaveWhileRemoved(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	r, err := s.Save(context.Background(), cardplane.SaveOptions{Images: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Remove(context.Background(), "x", removeOptions); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, s)
	if got := mustLoad(t, s, data); got.ID != img.ID {
		t.Errorf("loaded %s", got.ID)
	}
}

// TestSaveAbandoned closes an archive that is not read to its end.
func TestSaveAbandoned(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", strings.Repeat("some text", 1000)))))
	r, err := s.Save(context.Background(), cardplane.SaveOptions{Images: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.held) > 0 {
		t.Errorf("still held: %v", s.held)
	}
}

// TestSaveDamaged has a blob that is not what its name says any more.
func TestSaveDamaged(t *testing.T) {
	s := openStore(t)
	img := mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	blob := s.blobPath(s.images[img.ID].layers[0].blob.Digest)
	if err := os.WriteFile(blob, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Save(context.Background(), cardplane.SaveOptions{Images: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(io.Discard, r)
	wantCode(t, err, "image_corrupt")
}

func TestHistory(t *testing.T) {
	s := openStore(t)
	r := newRegistry(t)
	img, err := pull(s, r.push("x", mixed(t)))
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.History(context.Background(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range list {
		got = append(got, h.CreatedBy+" "+map[bool]string{true: "empty", false: "layer"}[h.Layer == ""])
	}
	if want := []string{"ADD zstd layer", "CMD x empty", "ADD plain layer", " layer"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPruneImages(t *testing.T) {
	s := openStore(t)
	var ids []string
	for _, ref := range []string{"named", "bare", "used"} {
		img := mustLoad(t, s, dockerArchive(t, ref, newImage(t, packTar(t, ref, strings.Repeat(ref, 10_000)))))
		ids = append(ids, img.ID)
	}
	for n, ref := range []string{"bare", "used"} {
		if _, err := s.Untag(context.Background(), ids[n+1], ref); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.path(partDir, "left"), make([]byte, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := func(_ context.Context, id string) (string, bool, error) { return "x", id == ids[2], nil }
	pruned, err := s.Prune(context.Background(), cardplane.ImagePruneOptions{InUse: inUse})
	if err != nil || !slices.Equal(pruned.IDs, ids[1:2]) || pruned.Bytes < 30_000 {
		t.Errorf("%+v, %v", pruned, err)
	}
	if left := parts(t, s); len(left) > 0 {
		t.Errorf("parts left: %q", left)
	}
	pruned, err = s.Prune(context.Background(), cardplane.ImagePruneOptions{InUse: inUse, All: true})
	if err != nil || !slices.Equal(pruned.IDs, ids[:1]) {
		t.Errorf("%+v, %v", pruned, err)
	}
	if _, err := s.Get(context.Background(), ids[2]); err != nil {
		t.Errorf("an image in use is gone: %v", err)
	}
}

// TestPruneSparesNewName gives an image a name while it is being pruned for
// having none.
func TestPruneSparesNewName(t *testing.T) {
	s := openStore(t)
	archive := dockerArchive(t, "x", newImage(t, packTar(t, "a", "1")))
	img := mustLoad(t, s, archive)
	if _, err := s.Untag(context.Background(), img.ID, "x"); err != nil {
		t.Fatal(err)
	}
	pruned, err := s.Prune(context.Background(), cardplane.ImagePruneOptions{InUse: func(context.Context, string) (string, bool, error) {
		mustLoad(t, s, archive)
		return "", false, nil
	}})
	if err != nil || len(pruned.IDs) != 0 {
		t.Errorf("%+v, %v", pruned, err)
	}
	wantFile(t, s, img.ID, "a", "1")
}

// TestSaveTar checks that the archive holds nothing but what it should.
func TestSaveTar(t *testing.T) {
	s := openStore(t)
	mustLoad(t, s, dockerArchive(t, "x", newImage(t, packTar(t, "a", "1"))))
	var names []string
	for tr := tar.NewReader(bytes.NewReader(save(t, s, "", "x"))); ; {
		hdr, err := tr.Next()
		if err != nil {
			break
		}
		if !hdr.ModTime.IsZero() && hdr.ModTime.Unix() != 0 {
			t.Errorf("%s has the time %v", hdr.Name, hdr.ModTime)
		}
		names = append(names, path.Dir(hdr.Name))
	}
	if want := []string{"blobs", "blobs/sha256", "blobs/sha256", "blobs/sha256", "blobs/sha256", ".", ".", "."}; !slices.Equal(names, want) {
		t.Errorf("entries below %q", names)
	}
	_, err := s.Save(context.Background(), cardplane.SaveOptions{Images: []string{"x", "none"}})
	if !apierr.Is(err, "image_not_found") || len(s.held) > 0 {
		t.Errorf("%v, held %v", err, s.held)
	}
}
