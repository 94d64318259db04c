package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

func quietLog() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func TestParseControl(t *testing.T) {
	text := `Package: linux-image-6.12-cloud-amd64
Source: linux
Version: 1:6.12.117-1
Depends: linux-image-6.12.117-cloud-amd64 (= 6.12.117-1), other
Description: a kernel
 with a second line: not a field
SHA256: aabb

Package: local-only
Version: 1

Package: crun
Version: 1.8
SHA256: ccdd
`
	want := []Package{
		{Name: "linux-image-6.12-cloud-amd64", Version: "1:6.12.117-1", SHA256: "aabb",
			Depends: "linux-image-6.12.117-cloud-amd64 (= 6.12.117-1), other"},
		{Name: "crun", Version: "1.8", SHA256: "ccdd"},
	}
	if got := parseControl([]byte(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFirstDependency(t *testing.T) {
	for depends, want := range map[string]string{
		"": "", "a": "a", "a (= 1), b": "a", "a | b (>= 2)": "a", " a (>= 1)": "a",
	} {
		if got := (Package{Depends: depends}).FirstDependency(); got != want {
			t.Errorf("%q: got %q, want %q", depends, got, want)
		}
	}
}

// fakeApt stands in for apt-cache and apt-get. Packages become known when the
// lists are updated.
type fakeApt struct {
	known, mirror map[string]string // name to content of the .deb
	updates       int
	downloads     int
	damage        bool
}

func (f *fakeApt) run(_ context.Context, dir, program string, args ...string) ([]byte, error) {
	switch {
	case program == "apt-cache":
		var out strings.Builder
		for _, name := range args[2:] {
			if content, ok := f.known[name]; ok {
				sum := sha256.Sum256([]byte(content))
				fmt.Fprintf(&out, "Package: %s\nVersion: 1:2\nSHA256: %s\n\n", name, hex.EncodeToString(sum[:]))
			}
		}
		return []byte(out.String()), nil
	case args[len(args)-1] == "update":
		f.updates++
		f.known = f.mirror
		return nil, nil
	}
	f.downloads++
	for _, arg := range args[4:] {
		name, _, _ := strings.Cut(arg, "=")
		content, ok := f.mirror[name]
		if !ok || content != f.known[name] {
			return nil, errors.New("404 not found")
		}
		if f.damage {
			content += "!"
		}
		if err := os.WriteFile(filepath.Join(dir, name+"_1%3a2_amd64.deb"), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func TestObtain(t *testing.T) {
	fresh := map[string]string{"a": "content of a", "b": "content of b"}
	stale := map[string]string{"a": "content of a", "b": "older b"}
	cases := map[string]struct {
		apt           fakeApt
		names         []string
		updates, gets int
		wantErr       string
	}{
		"known":         {fakeApt{known: fresh, mirror: fresh}, []string{"b", "a"}, 0, 1, ""},
		"no lists":      {fakeApt{mirror: fresh}, []string{"a"}, 1, 1, ""},
		"stale lists":   {fakeApt{known: stale, mirror: fresh}, []string{"a", "b"}, 1, 2, ""},
		"never heard":   {fakeApt{known: fresh, mirror: fresh}, []string{"c"}, 1, 0, "package c: package is unknown to apt"},
		"damaged twice": {fakeApt{known: fresh, mirror: fresh, damage: true}, []string{"a"}, 1, 2, "sha256"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			archive := &Archive{CacheDir: filepath.Join(t.TempDir(), "deb"), Log: quietLog(), run: c.apt.run}
			list, err := archive.Obtain(t.Context(), c.names...)
			if c.apt.updates != c.updates || c.apt.downloads != c.gets {
				t.Errorf("%d updates and %d downloads, want %d and %d", c.apt.updates, c.apt.downloads, c.updates, c.gets)
			}
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Errorf("got %v, want %q", err, c.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range list {
				content, err := os.ReadFile(p.Path)
				if err != nil || p.Name != c.names[i] || string(content) != fresh[p.Name] {
					t.Errorf("package %d is %s with %q (%v)", i, p, content, err)
				}
			}
			before := c.apt.downloads
			if _, err := archive.Obtain(t.Context(), c.names...); err != nil || c.apt.downloads != before {
				t.Errorf("a second time: %d more downloads, %v", c.apt.downloads-before, err)
			}
			left, err := filepath.Glob(filepath.Join(archive.CacheDir, ".fetch-*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

func TestUnknownPackageIsTold(t *testing.T) {
	apt := fakeApt{}
	archive := &Archive{CacheDir: t.TempDir(), Log: quietLog(), run: apt.run}
	if _, err := archive.Candidates(t.Context(), "x"); !errors.Is(err, ErrUnknownPackage) {
		t.Errorf("got %v", err)
	}
}

// makeTar writes a tar archive as dpkg-deb does, names starting with "./".
func makeTar(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, content := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWalkTar(t *testing.T) {
	archive := makeTar(t, map[string]string{"./usr/bin/x": "program", "etc/y": "file", "./../../z": "out"})
	got := make(map[string]string)
	err := walkTar(bytes.NewReader(archive), func(name string, _ *tar.Header, r io.Reader) error {
		content, err := io.ReadAll(r)
		got[name] = string(content)
		return err
	})
	want := map[string]string{"/usr/bin/x": "program", "/etc/y": "file", "/z": "out"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	if err := walkTar(bytes.NewReader(archive[:514]), func(string, *tar.Header, io.Reader) error { return nil }); err == nil {
		t.Error("an archive cut short gave no error")
	}
}

func TestWalkRealPackage(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("dpkg-deb is missing; install dpkg to run this test")
	}
	deb := buildDeb(t, map[string]string{"usr/bin/x": "program", "usr/share/big": strings.Repeat("0123456789", 100_000)})
	seen := 0
	err := Walk(t.Context(), deb, func(name string, _ *tar.Header, r io.Reader) error {
		seen++
		if name != "/usr/bin/x" {
			return nil
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != "program" {
			t.Errorf("got %q (%v)", content, err)
		}
		return ErrStop
	})
	if err != nil || seen == 0 {
		t.Errorf("saw %d entries: %v", seen, err)
	}
	boom := errors.New("boom")
	if err := Walk(t.Context(), deb, func(string, *tar.Header, io.Reader) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(deb, []byte("not a package"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Walk(t.Context(), deb, func(string, *tar.Header, io.Reader) error { return nil }); err == nil {
		t.Error("a damaged package gave no error")
	}
}

func buildDeb(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	files["DEBIAN/control"] = "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	deb := filepath.Join(t.TempDir(), "x.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", root, deb).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return deb
}

func FuzzParseControl(f *testing.F) {
	f.Add([]byte("Package: a\nVersion: 1\nSHA256: aa\nDepends: b (= 1) | c, d\n\nPackage: x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, p := range parseControl(text) {
			if p.Name == "" || strings.ContainsAny(p.FirstDependency(), ", |") {
				t.Errorf("bad package %+v", p)
			}
		}
	})
}
