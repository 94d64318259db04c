package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/klauspost/compress/zstd"

	"github.com/cardplane/cardplane/cardplane"
)

func TestLoadDockerArchive(t *testing.T) {
	s := openStore(t)
	img := newImage(t, packTar(t, "etc/a", "1", "b", "2"), packTar(t, "etc/.wh.a", "", "c", "3"))
	got := mustLoad(t, s, dockerArchive(t, "example/app:v1", img))
	if got.ID != imageID(t, img) || !slices.Equal(got.Names, []string{"docker.io/example/app:v1"}) || len(got.RepoDigests) != 0 {
		t.Errorf("%+v", got)
	}
	if got.Architecture != "amd64" || got.OS != "linux" || got.Size == 0 || got.Size%4096 != 0 ||
		!slices.Equal(got.Config.Cmd, []string{"/bin/sh"}) || !slices.Equal(got.Config.ExposedPorts, []string{"80/tcp"}) {
		t.Errorf("%+v", got)
	}
	wantFile(t, s, got.ID, "b", "2")
	wantFile(t, s, got.ID, "c", "3")
	for _, name := range []string{"example/app:v1", "docker.io/example/app:v1", got.ID, got.ID[7:], got.ID[:20], got.ID[7:10]} {
		if found, err := s.Get(context.Background(), name); err != nil || found.ID != got.ID {
			t.Errorf("Get(%q): %v, %v", name, found.ID, err)
		}
	}
}

// TestLoadOldDockerArchive has what docker wrote until version 24: layers
// uncompressed in directories, the same layer again as a symbolic link.
func TestLoadOldDockerArchive(t *testing.T) {
	s := openStore(t)
	layer := packTar(t, "a", "1")
	config, err := json.Marshal(v1.ConfigFile{OS: "linux", Architecture: "amd64",
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{digestOf(layer), digestOf(layer)}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	add := func(hdr tar.Header, body []byte) {
		hdr.Size = int64(len(body))
		if err := tw.WriteHeader(&hdr); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "one/"}, nil)
	add(tar.Header{Typeflag: tar.TypeReg, Name: "one/layer.tar"}, layer)
	add(tar.Header{Typeflag: tar.TypeSymlink, Name: "two/layer.tar", Linkname: "../one/layer.tar"}, nil)
	add(tar.Header{Typeflag: tar.TypeReg, Name: digestOf(config).Hex + ".json"}, config)
	add(tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json"}, fmt.Appendf(nil,
		`[{"Config":"%s.json","RepoTags":["redis"],"Layers":["one/layer.tar","two/layer.tar"]}]`, digestOf(config).Hex))
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	got := mustLoad(t, s, out.Bytes())
	if !slices.Equal(got.Names, []string{"docker.io/library/redis:latest"}) {
		t.Errorf("names %q", got.Names)
	}
	wantFile(t, s, got.ID, "a", "1")
}

// writeLayout writes an OCI layout with the given index and returns its
// directory.
func writeLayout(t *testing.T, idx v1.ImageIndex) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := layout.Write(dir, idx); err != nil {
		t.Fatal(err)
	}
	return dir
}

func tarDir(t *testing.T, dir string) []byte {
	t.Helper()
	var out bytes.Buffer
	tw := tar.NewWriter(&out)
	if err := errors.Join(tw.AddFS(os.DirFS(dir)), tw.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func named(img mutate.Appendable, annotations map[string]string, platform *v1.Platform) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Annotations: annotations, Platform: platform}}
}

func TestLoadLayout(t *testing.T) {
	amd := newImage(t, packTar(t, "a", "amd64"))
	arm := platformImage(t, "linux", "arm64", packTar(t, "a", "arm64"))
	other := newImage(t, packTar(t, "a", "other"))
	linuxAMD, linuxARM := &v1.Platform{OS: "linux", Architecture: "amd64"}, &v1.Platform{OS: "linux", Architecture: "arm64"}
	multi := mutate.AppendManifests(empty.Index, named(arm, nil, linuxARM), named(amd, nil, linuxAMD))
	full := map[string]string{containerdImageName: "example.com/x:1", ociRefName: "1"}
	tests := map[string]struct {
		index v1.ImageIndex
		names [][]string
		want  []string
	}{
		"one image":         {mutate.AppendManifests(empty.Index, named(amd, full, nil)), [][]string{{"example.com/x:1"}}, []string{"amd64"}},
		"bare tag":          {mutate.AppendManifests(empty.Index, named(amd, map[string]string{ociRefName: "v1"}, nil)), [][]string{{}}, []string{"amd64"}},
		"name in ref.name":  {mutate.AppendManifests(empty.Index, named(amd, map[string]string{ociRefName: "x:v1"}, nil)), [][]string{{"docker.io/library/x:v1"}}, []string{"amd64"}},
		"nested index":      {mutate.AppendManifests(empty.Index, named(multi, full, nil)), [][]string{{"example.com/x:1"}}, []string{"amd64"}},
		"platforms on top":  {multi, [][]string{{}}, []string{"amd64"}},
		"two images":        {mutate.AppendManifests(empty.Index, named(amd, full, nil), named(other, nil, nil)), [][]string{{"example.com/x:1"}, {}}, []string{"amd64", "other"}},
		"with attestations": {mutate.AppendManifests(multi, named(other, map[string]string{"vnd.docker.reference.type": "attestation-manifest"}, &v1.Platform{OS: "unknown", Architecture: "unknown"})), [][]string{{}}, []string{"amd64"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := writeLayout(t, tt.index)
			fromTar := openStore(t)
			images, err := fromTar.Load(context.Background(), bytes.NewReader(tarDir(t, dir)), cardplane.LoadOptions{})
			if err != nil || len(images) != len(tt.want) {
				t.Fatalf("%d images, %v", len(images), err)
			}
			for n, img := range images {
				if !slices.Equal(img.Names, tt.names[n]) {
					t.Errorf("names %q, want %q", img.Names, tt.names[n])
				}
				wantFile(t, fromTar, img.ID, "a", tt.want[n])
			}
		})
	}
}

func TestLoadCompressedArchive(t *testing.T) {
	archive := dockerArchive(t, "x", newImage(t, packTar(t, "a", "1")))
	var gz, zst bytes.Buffer
	gw := gzip.NewWriter(&gz)
	if _, err := gw.Write(archive); err != nil || gw.Close() != nil {
		t.Fatal(err)
	}
	zw, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write(archive); err != nil || zw.Close() != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{gz.Bytes(), zst.Bytes()} {
		s := openStore(t)
		wantFile(t, s, mustLoad(t, s, data).ID, "a", "1")
	}
}

// TestSameLayersSameBlock: compression and configuration change the image, not
// the block file.
func TestSameLayersSameBlock(t *testing.T) {
	s := openStore(t)
	img := newImage(t, packTar(t, "a", "1"))
	relabeled, err := mutate.Config(img, v1.Config{Labels: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	one := mustLoad(t, s, dockerArchive(t, "one", img))
	two := mustLoad(t, s, dockerArchive(t, "two", relabeled))
	b1, err1 := s.Block(context.Background(), one.ID)
	b2, err2 := s.Block(context.Background(), two.ID)
	if one.ID == two.ID || b1 != b2 || err1 != nil || err2 != nil {
		t.Errorf("%+v, %v; %+v, %v", b1, err1, b2, err2)
	}
	elsewhere := openStore(t)
	b3, err := elsewhere.Block(context.Background(), mustLoad(t, elsewhere, dockerArchive(t, "one", img)).ID)
	if err != nil || b3.Digest != b1.Digest {
		t.Errorf("another store built %s, not %s: %v", b3.Digest, b1.Digest, err)
	}
}

func TestLoadMovesName(t *testing.T) {
	s := openStore(t)
	old := mustLoad(t, s, dockerArchive(t, "x:1", newImage(t, packTar(t, "a", "old"))))
	fresh := mustLoad(t, s, dockerArchive(t, "x:1", newImage(t, packTar(t, "a", "new"))))
	if img, err := s.Get(context.Background(), "x:1"); err != nil || img.ID != fresh.ID {
		t.Errorf("%v, %v", img.ID, err)
	}
	if img, err := s.Get(context.Background(), old.ID); err != nil || len(img.Names) != 0 {
		t.Errorf("%v, %v", img.Names, err)
	}
}

// replaceIn returns the archive with the content of one file changed.
func replaceIn(t *testing.T, archive []byte, match func(name string) bool, change func([]byte) []byte) []byte {
	t.Helper()
	var files []string
	tr := tar.NewReader(bytes.NewReader(archive))
	for {
		hdr, err := tr.Next()
		if err != nil {
			break
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(tr); err != nil {
			t.Fatal(err)
		}
		if hdr.Typeflag != tar.TypeReg {
			continue
		}
		data := body.Bytes()
		if match(hdr.Name) {
			data = change(slices.Clone(data))
		}
		files = append(files, hdr.Name, string(data))
	}
	return packTar(t, files...)
}

func is(suffix string) func(string) bool {
	return func(name string) bool { return strings.HasSuffix(name, suffix) }
}

func TestLoadRefused(t *testing.T) {
	img := newImage(t, packTar(t, "a", strings.Repeat("x", 5000)))
	docker := dockerArchive(t, "x", img)
	oci := tarDir(t, writeLayout(t, mutate.AppendManifests(empty.Index, named(img, nil, nil))))
	m, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	layerBlob, configBlob := "sha256/"+m.Layers[0].Digest.Hex, "sha256/"+m.Config.Digest.Hex
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	noTar := newLayer(t, []byte("this is no tar, only text"))
	bad, err := mutate.AppendLayers(newImage(t), noTar)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		archive []byte
		code    string
		says    string
	}{
		"empty":                 {nil, "image_format_unknown", ""},
		"text":                  {[]byte(strings.Repeat("no image at all\n", 100)), "image_format_unknown", ""},
		"another tar":           {packTar(t, "README", "hello"), "image_format_unknown", "manifest.json"},
		"gzip of nothing":       {[]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, "image_format_unknown", ""},
		"docker cut short":      {docker[:len(docker)*2/3], "image_corrupt", "cut short"},
		"layout cut short":      {oci[:len(oci)/2], "image_corrupt", "cut short"},
		"docker layer damaged":  {replaceIn(t, docker, is(".tar.gz"), flip), "image_corrupt", "layer"},
		"docker layer cut":      {replaceIn(t, docker, is(".tar.gz"), cut), "image_corrupt", "cut short"},
		"docker config damaged": {replaceIn(t, docker, is(m.Config.Digest.Hex), flip), "image_corrupt", m.Config.Digest.Hex},
		"docker layer missing":  {replaceIn(t, docker, is("manifest.json"), func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(".tar.gz"), []byte(".gone")) }), "image_corrupt", ".gone"},
		"docker no JSON":        {replaceIn(t, docker, is("manifest.json"), cut), "image_corrupt", "manifest.json"},
		"docker no image":       {packTar(t, "manifest.json", "[]"), "image_corrupt", "manifest.json"},
		"docker bad tag":        {replaceIn(t, docker, is("manifest.json"), func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("x:latest"), []byte("UPPER:x")) }), "invalid_reference", "UPPER"},
		"layer blob damaged":    {replaceIn(t, oci, is(layerBlob), flip), "image_corrupt", m.Layers[0].Digest.Hex},
		"config blob damaged":   {replaceIn(t, oci, is(configBlob), flip), "image_corrupt", m.Config.Digest.Hex},
		"layout index no JSON":  {replaceIn(t, oci, is("index.json"), cut), "image_corrupt", "index.json"},
		"layout index empty":    {replaceIn(t, oci, is("index.json"), func([]byte) []byte { return []byte("{}") }), "image_corrupt", "no image"},
		"layout bad digest":     {replaceIn(t, oci, is("index.json"), func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("sha256:"), []byte("sha256:../")) }), "image_corrupt", ""},
		"arm64":                 {dockerArchive(t, "x", platformImage(t, "linux", "arm64", packTar(t, "a", "1"))), "image_wrong_architecture", "linux/arm64"},
		"windows":               {dockerArchive(t, "x", platformImage(t, "windows", "amd64", packTar(t, "a", "1"))), "image_wrong_architecture", "windows/amd64"},
		"layer climbs out":      {dockerArchive(t, "x", newImage(t, packTar(t, "../../etc/passwd", "1"))), "image_corrupt", "leads out"},
		"layer is no tar":       {dockerArchive(t, "x", bad), "image_corrupt", "cut short"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			_, err := s.Load(context.Background(), bytes.NewReader(tt.archive), cardplane.LoadOptions{})
			wantCode(t, err, tt.code)
			if !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v: does not say %q", err, tt.says)
			}
			wantEmpty(t, s)
		})
	}
}

func TestLoadLimits(t *testing.T) {
	small := dockerArchive(t, "x", newImage(t, packTar(t, "a", "1", "b", "2", "c", "3"), packTar(t, "d", "4")))
	bomb := dockerArchive(t, "x", newImage(t, packTar(t, "zeros", strings.Repeat("\x00", 8<<20))))
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := encoder.EncodeAll(packTar(t, "zeros", strings.Repeat("\x00", 8<<20)), nil)
	tests := map[string]struct {
		limits  Limits
		archive []byte
	}{
		"entries":                 {Limits{Entries: 3}, small},
		"layers":                  {Limits{Layers: 1}, small},
		"config":                  {Limits{Config: 50}, small},
		"manifest":                {Limits{Manifest: 50}, small},
		"metadata":                {Limits{Metadata: 3}, small},
		"archive":                 {Limits{Bytes: 1000}, small},
		"gzip":                    {Limits{Bytes: 1 << 20}, bomb},
		"layer of a high ratio":   {Limits{Ratio: 100, Inflated: 1 << 20}, bomb},
		"archive of a high ratio": {Limits{Ratio: 100, Inflated: 1 << 20}, packed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, func(o *Options) { o.Limits = tt.limits })
			_, err := s.Load(context.Background(), bytes.NewReader(tt.archive), cardplane.LoadOptions{})
			wantCode(t, err, "image_too_large")
			wantEmpty(t, s)
		})
	}
}

func TestLoadCancelled(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.Load(ctx, bytes.NewReader(dockerArchive(t, "x", newImage(t, packTar(t, "a", "1")))), cardplane.LoadOptions{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, s)
}

func FuzzLoad(f *testing.F) {
	img := newImage(f, packTar(f, "a", "1"))
	f.Add(dockerArchive(f, "x", img))
	f.Add(packTar(f, "manifest.json", `[{"Config":"c","RepoTags":["a"],"Layers":["l"]}]`, "c", "{}", "l", ""))
	f.Add(packTar(f, "oci-layout", "{}", "index.json", `{"manifests":[{"digest":"sha256:00","size":-1}]}`))
	s := openStore(f, func(o *Options) { o.Limits = Limits{Bytes: 1 << 20, Entries: 1000, Metadata: 1 << 16} })
	f.Fuzz(func(t *testing.T, archive []byte) {
		images, err := s.Load(context.Background(), bytes.NewReader(archive), cardplane.LoadOptions{})
		if err != nil {
			var none []string
			if list := stored(t, s); !slices.Equal(list, none) && len(s.images) == 0 {
				t.Fatalf("left behind: %q", list)
			}
			if !isUserError(err) {
				t.Fatalf("no user would understand: %v", err)
			}
			return
		}
		for _, img := range images {
			if _, err := s.Block(context.Background(), img.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzDocuments follows hostile indexes, manifests and configurations.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"sha256:00","size":1},"layers":[{}]}`), []byte(`{}`))
	f.Add([]byte(`{"manifests":[{"platform":{"os":"linux","architecture":"amd64"},"digest":"sha256:00"}]}`), []byte(`{"layers":[],"config":{}}`))
	f.Add([]byte(`{"manifests":[{"digest":null}],"layers":[]}`), []byte(`[]`))
	f.Add([]byte(`{"fsLayers":[]}`), []byte(`null`))
	s := openStore(f)
	f.Fuzz(func(t *testing.T, top, next []byte) {
		m, err := s.selectManifest(context.Background(), top, "x", func(context.Context, v1.Descriptor) ([]byte, error) { return next, nil })
		switch {
		case err != nil && !isUserError(err):
			t.Fatalf("no user would understand: %v", err)
		case err == nil && (checkDigest(m.config.Digest) != nil || m.config.Size < 0 || len(m.blobs) > s.limits.Layers):
			t.Fatalf("taken: %+v", m)
		}
	})
}

// FuzzReference completes hostile references. What is taken is complete, and
// completing it again changes nothing.
func FuzzReference(f *testing.F) {
	for _, ref := range []string{"redis", "localhost/x:1", "a.b:5/c/d@sha256:" + strings.Repeat("0", 64), "../x", "x:@", "[::1]:5000/x"} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		parsed, err := parseReference(ref)
		if err != nil {
			return
		}
		full := complete(parsed)
		again, err := parseReference(full)
		if err != nil || complete(again) != full {
			t.Fatalf("%q is completed to %q, and that to %v, %v", ref, full, again, err)
		}
	})
}
