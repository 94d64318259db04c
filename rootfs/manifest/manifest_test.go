package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture writes a small artefacts directory and returns it with its manifest.
func fixture(t *testing.T, withInitrd bool) (string, *Manifest) {
	t.Helper()
	dir := t.TempDir()
	describe := func(name string) Artefact {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		a, err := Describe(dir, name, []string{"pkg=1"})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	m := &Manifest{
		Kernel:  Kernel{Artefact: describe("vmlinux"), Release: "6.12.0"},
		Rootfs:  describe("rootfs.erofs"),
		Scratch: []Scratch{{Artefact: describe("scratch.ext4"), DiskBytes: 1 << 20}},
		Cmdline: "console=ttyS0",
	}
	if withInitrd {
		a := describe("initrd")
		m.Initrd = &a
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func TestWriteThenRead(t *testing.T) {
	for _, withInitrd := range []bool{false, true} {
		dir, want := fixture(t, withInitrd)
		got, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kernel.Release != want.Kernel.Release || got.Cmdline != want.Cmdline {
			t.Errorf("read back %+v, wrote %+v", got, want)
		}
		if (got.Initrd != nil) != withInitrd {
			t.Errorf("initrd present: %v, want %v", got.Initrd != nil, withInitrd)
		}
		if err := got.Verify(dir); err != nil {
			t.Errorf("verify: %v", err)
		}
		text, err := os.ReadFile(filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		if !withInitrd && !strings.Contains(string(text), `"initrd": null`) {
			t.Errorf("a manifest without initrd must say null:\n%s", text)
		}
	}
}

func TestVerifyFindsAlteredFile(t *testing.T) {
	dir, m := fixture(t, true)
	name := filepath.Join(dir, m.Initrd.File)
	if err := os.WriteFile(name, []byte("Content of initrd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.SameSizes(dir); err != nil {
		t.Errorf("same length, but: %v", err)
	}
	if err := m.Verify(dir); err == nil || !strings.Contains(err.Error(), "initrd") {
		t.Errorf("altered initrd gave %v", err)
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := m.SameSizes(dir); err == nil {
		t.Error("a truncated file passed SameSizes")
	}
}

func TestReadRefuses(t *testing.T) {
	_, good := fixture(t, false)
	cases := map[string]func(*Manifest){
		"path in file name": func(m *Manifest) { m.Rootfs.File = "../rootfs.erofs" },
		"parent directory":  func(m *Manifest) { m.Rootfs.File = ".." },
		"short digest":      func(m *Manifest) { m.Rootfs.SHA256 = "abcd" },
		"no size":           func(m *Manifest) { m.Rootfs.Size = 0 },
		"file beyond disk":  func(m *Manifest) { m.Scratch = []Scratch{{Artefact: m.Rootfs, DiskBytes: m.Rootfs.Size - 1}} },
		"no cmdline":        func(m *Manifest) { m.Cmdline = "" },
		"no release":        func(m *Manifest) { m.Kernel.Release = "" },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			m := *good
			spoil(&m)
			if err := m.Write(t.TempDir()); err == nil {
				t.Error("written without complaint")
			}
		})
	}
}

func TestReadUnfinishedDirectory(t *testing.T) {
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"cmdline":"x"}`))
	f.Add([]byte(`{"kernel":{"file":"a","sha256":"","size":1,"release":"r"}}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, FileName), text, 0o644); err != nil {
			t.Fatal(err)
		}
		m, err := Read(dir)
		if err != nil {
			return
		}
		for _, a := range m.Artefacts() {
			if strings.ContainsRune(a.File, '/') {
				t.Errorf("accepted file name %q", a.File)
			}
		}
	})
}
