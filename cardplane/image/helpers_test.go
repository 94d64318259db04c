package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/erofs/go-erofs"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"go.uber.org/goleak"

	"github.com/cardplane/cardplane/cardplane"
	"github.com/cardplane/cardplane/openapi/apierr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openStore opens a store in a new directory, or the one that change names.
func openStore(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	connections := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(connections.CloseIdleConnections)
	options := Options{
		retry:        transport.Backoff{Duration: time.Millisecond, Factor: 1, Steps: 3},
		Dir:          t.TempDir(),
		Architecture: "amd64",
		Transport:    connections,
		Keychain:     authn.NewMultiKeychain(), // no credentials of the machine
	}
	for _, c := range change {
		c(&options)
	}
	s, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// packTar returns a tar with the given files, name and content in turn.
func packTar(t testing.TB, files ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	for n := 0; n < len(files); n += 2 {
		hdr := tar.Header{Typeflag: tar.TypeReg, Name: files[n], Mode: 0o644, Size: int64(len(files[n+1]))}
		if err := tw.WriteHeader(&hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, files[n+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func newLayer(t testing.TB, data []byte) v1.Layer {
	t.Helper()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newImage returns an image for linux/amd64 with one layer for each tar.
func newImage(t testing.TB, tars ...[]byte) v1.Image {
	t.Helper()
	return platformImage(t, "linux", "amd64", tars...)
}

func platformImage(t testing.TB, os, arch string, tars ...[]byte) v1.Image {
	t.Helper()
	img, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: os, Architecture: arch,
		Config: v1.Config{Cmd: []string{"/bin/sh"}, Env: []string{"A=b"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range tars {
		if img, err = mutate.AppendLayers(img, newLayer(t, data)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

// dockerArchive returns img as "docker save" writes it.
func dockerArchive(t testing.TB, ref string, img v1.Image) []byte {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tarball.Write(tag, img, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// imageID returns the ID that the store will give img.
func imageID(t testing.TB, img v1.Image) string {
	t.Helper()
	id, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func mustLoad(t testing.TB, s *Store, archive []byte) cardplane.Image {
	t.Helper()
	images, err := s.Load(context.Background(), bytes.NewReader(archive), cardplane.LoadOptions{})
	if err != nil || len(images) != 1 {
		t.Fatalf("%d images, %v", len(images), err)
	}
	return images[0]
}

// wantFile checks the block file of an image: its digest, and a file in it.
func wantFile(t testing.TB, s *Store, id, path, want string) {
	t.Helper()
	b, err := s.Block(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(data)
	if b.Digest != "sha256:"+hex.EncodeToString(hash[:]) || b.Size != int64(len(data)) || b.Size%4096 != 0 {
		t.Errorf("block file %+v has %d bytes with digest %x", b, len(data), hash)
	}
	root, err := erofs.Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(root, path)
	if err != nil || string(got) != want {
		t.Errorf("%s: %q, %v; want %q", path, got, err, want)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if !apierr.Is(err, code) {
		t.Fatalf("got error %v, want code %s", err, code)
	}
}

// stored lists the files of the store but for index.json and lock.
func stored(t testing.TB, s *Store) []string {
	t.Helper()
	var list []string
	for _, dir := range []string{blobDir, blockDir, partDir, tmpDir} {
		err := filepath.WalkDir(s.path(dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && path != s.path(dir) {
				list = append(list, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// wantEmpty checks that the store holds nothing at all.
func wantEmpty(t testing.TB, s *Store) {
	t.Helper()
	images, err := s.List(context.Background(), cardplane.ImageFilter{})
	if err != nil && !errors.Is(err, errClosed) || len(images) > 0 {
		t.Errorf("List: %v, %v", images, err)
	}
	if left := stored(t, s); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func isUserError(err error) bool { return apierr.ClassOf(err) != apierr.Internal }
